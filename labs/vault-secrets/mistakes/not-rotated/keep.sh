printf %s "$FACT_TILL_PASSWORD" | vault kv put secret/till password=-
printf %s "$FACT_PARCELS_PASSWORD" | vault kv put secret/parcels password=-
