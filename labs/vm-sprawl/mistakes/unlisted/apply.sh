set -- $(echo "$FACT_FLEET" | tr , ' ')
sed -i "/^$3:/d" inventory.yaml
