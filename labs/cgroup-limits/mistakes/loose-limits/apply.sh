sed -i "s|^docker run -d|& --cpus 0.9 --memory 350m --memory-swap 350m --pids-limit 180 --device-write-bps $(disk):50mb|" \
  /workspace/hog.sh
/workspace/hog.sh
pid=$(docker inspect -f '{{.State.Pid}}' hog)
nsenter -t "$pid" -n tc qdisc replace dev eth0 root tbf rate 18mbit burst 32kb latency 50ms
