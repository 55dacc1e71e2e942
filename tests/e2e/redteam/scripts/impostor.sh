# Stops all that the lab's engine runs, and listens in its place: same addresses, ports and names.
set -u
# What an earlier attack has ended would tell no addresses and ports.
docker start $(docker ps --all --quiet --filter status=exited) 2> /dev/null
names=$(docker ps --format '{{.Names}}')
docker ps --format '{{.Ports}}' | grep -oE ':[0-9]+->' | tr -dc '0-9\n' > /ports
for name in $names; do
  docker inspect --format '{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{end}}' "$name"
  nsenter --target "$(docker inspect --format '{{.State.Pid}}' "$name")" --net ss -Htln |
    awk '$4 !~ /^127\.0\.0\.11:/ {sub(/.*:/, "", $4); print $4}' >> /ports
done | grep . > /addresses
# shellcheck disable=SC2086
docker stop --time 0 $names > /dev/null
while read -r address; do ip address add "$address/32" dev lo || true; done < /addresses
name=${names%%[!a-z-]*}
# shellcheck disable=SC2046
setsid perl /impostor.pl "$name" $(sort -un /ports) > /dev/null 2>&1 &
for _ in $(seq 300); do
  if pgrep "^$name" > /dev/null; then exit 0; fi
  sleep 0.1
done
exit 1
