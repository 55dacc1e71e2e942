set -- $(echo "$FACT_FLEET" | tr , ' ')
next=$(date -d '+1 year' +%Y-%m-%d)
sed -i "/^$6:/d; /^$8:/d; /^$FACT_GHOST:/d; s/expires: [0-9-]*/expires: $next/" inventory.yaml
echo "$3: {service: stock, owner: ines, expires: $next}" >> inventory.yaml
