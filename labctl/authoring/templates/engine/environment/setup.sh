# The broken state: the shop runs as the script of the workspace starts it. In steps, the facts
# are in the environment, such as $FACT_SHOP_NAME; a step ends when the state is really there.
/workspace/start-shop.sh
until curl --silent --max-time 1 localhost:8080 > /dev/null; do sleep 0.2; done
