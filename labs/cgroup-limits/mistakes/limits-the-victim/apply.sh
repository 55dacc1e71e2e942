docker update --cpus 0.25 --memory 128m --memory-swap 128m --pids-limit 48 victim
pid=$(docker inspect -f '{{.State.Pid}}' victim)
nsenter -t "$pid" -n tc qdisc replace dev eth0 root tbf rate 4mbit burst 32kb latency 50ms
