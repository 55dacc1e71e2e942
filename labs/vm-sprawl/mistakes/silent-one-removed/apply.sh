set -- $(echo "$FACT_FLEET" | tr , ' ')
vm remove "$5"
sed -i "/^$5:/d" inventory.yaml
