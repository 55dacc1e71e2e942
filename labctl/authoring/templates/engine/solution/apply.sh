/workspace/start-shop.sh
until curl --silent --max-time 1 localhost:8080 > /dev/null; do sleep 0.2; done
