# The operators used to copy the day's rate to the node.
mkdir -p /srv/rates
echo "$FACT_RATE" > /srv/rates/today
