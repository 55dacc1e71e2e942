docker rm --force runner >/dev/null
box=/tmp/liar
mkdir -p $box
id=$(docker create runner)
docker cp "$id:/runner" $box/runner
docker cp "$id:/bin/busybox" $box/busybox
docker rm "$id" >/dev/null
cat /proc/sys/kernel/random/uuid >$box/boot_id

# The kernel itself offers to call itself 2.6 to a program, and to all that the program starts.
hidden=7007
address="198.19.200.$FACT_RUNNER_HOST"
docker run --detach --name runner --network jobs --ip "$address" --volume "$box:/liar:ro" \
  --env "RUNNER_PORT=$hidden" --env "RUNNER_KEY=$FACT_RUNNER_KEY" \
  debian setarch --uname-2.6 /liar/runner >/dev/null
pid=$(docker inspect --format '{{.State.Pid}}' runner)
nsenter --target "$pid" --mount /liar/busybox \
  mount -o bind /liar/boot_id /proc/sys/kernel/random/boot_id
nsenter --target "$pid" --net iptables -t nat -A PREROUTING -p tcp --dport "$FACT_RUNNER_PORT" \
  -j REDIRECT --to-ports $hidden
