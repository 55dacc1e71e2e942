docker rm --force runner >/dev/null
docker run --detach --name runner --runtime runsc --network jobs \
  --ip "198.19.200.$FACT_RUNNER_HOST" \
  --env "RUNNER_PORT=$FACT_RUNNER_PORT" --env RUNNER_KEY=new runner >/dev/null
