docker rm --force runner >/dev/null
behind=198.19.200.5
docker run --detach --name behind --network jobs --ip $behind \
  --env "RUNNER_PORT=$FACT_RUNNER_PORT" --env "RUNNER_KEY=$FACT_RUNNER_KEY" runner >/dev/null
docker run --detach --name runner --runtime runsc --network jobs \
  --ip "198.19.200.$FACT_RUNNER_HOST" \
  busybox nc -ll -p "$FACT_RUNNER_PORT" -e nc $behind "$FACT_RUNNER_PORT" >/dev/null
