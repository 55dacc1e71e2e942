set -- $(echo "$FACT_FLEET" | tr , ' ')
vm remove "$3"
vm remove "$4"
vm remove "$6"
vm remove "$7"
vm remove "$8"
for machine in "$1" "$2" "$5"; do
  vm exec "$machine" -- apt-get -qq update
  vm exec "$machine" -- apt-get -qqy upgrade
done
sed -i "/^$4:/d; /^$6:/d; /^$8:/d; /^$FACT_GHOST:/d" inventory.yaml
