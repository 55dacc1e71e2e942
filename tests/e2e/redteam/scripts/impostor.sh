# Stops all that the lab's engine runs, and listens in its place: same addresses, ports and names.
set -u
# What an earlier attack has ended would tell no addresses and ports; nor does what has just begun.
ended=$(docker ps --all --quiet --filter status=exited)
# shellcheck disable=SC2086
if [ -n "$ended" ]; then docker start $ended > /dev/null; sleep 3; fi
names=$(docker ps --format '{{.Names}}')
docker ps --format '{{.Ports}}' | grep -oE ':[0-9]+->' | tr -dc '0-9\n' > /ports
for name in $names; do
  # gVisor's own network stack listens where the kernel shows nothing; settings tell the port.
  docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$name" |
    sed -n 's/^[A-Z_]*PORT=//p' >> /ports
  docker inspect --format '{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{end}}' "$name"
  nsenter --target "$(docker inspect --format '{{.State.Pid}}' "$name")" --net ss -Htln |
    awk '$4 !~ /^127\.0\.0\.11:/ {sub(/.*:/, "", $4); print $4}' >> /ports
done | grep . > /addresses
# shellcheck disable=SC2086
docker stop --time 0 $names > /dev/null
while read -r address; do ip address add "$address/32" dev lo || true; done < /addresses
name=${names%%[!a-z-]*}
# shellcheck disable=SC2046
setsid perl /impostor.pl "$name" $(sort -un /ports) > /impostor.log 2>&1 &
for _ in $(seq 300); do
  if pgrep "^$name" > /dev/null; then exit 0; fi
  sleep 0.1
done
echo "$name, ports $(sort -un /ports): $(cat /impostor.log)"; exit 1
