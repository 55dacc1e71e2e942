# The first state: everything on the machine's kernel but one of the two appliances.
docker network create --subnet 198.19.200.0/24 jobs >/dev/null

run() { docker run --detach "$@" >/dev/null; }

run --name debian --hostname debian --network none debian &
pids=$!
run --name busybox --hostname busybox --network none busybox &
pids="$pids $!"
for name in north south; do
  runtime=
  if [ "$name" = "$FACT_OWN_KERNEL" ]; then runtime='--runtime runsc'; fi
  # shellcheck disable=SC2086
  run --name "$name" --hostname "$name" --network none $runtime appliance &
  pids="$pids $!"
done
run --name runner --network jobs --ip "198.19.200.$FACT_RUNNER_HOST" \
  --env "RUNNER_PORT=$FACT_RUNNER_PORT" --env "RUNNER_KEY=$FACT_RUNNER_KEY" runner &
pids="$pids $!"
for pid in $pids; do wait "$pid"; done
