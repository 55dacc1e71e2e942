docker rm -f hog
docker run -d --name hog -p 9090:9090 -e TOKEN="job-$FACT_HOG_JOB" \
  --cpus 0.25 --memory 128m --memory-swap 128m --pids-limit 48 --device-write-bps "$(disk):1mb" \
  -v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro -v /workspace/fake.pl:/fake.pl:ro \
  --entrypoint /usr/bin/perl app /fake.pl
pid=$(docker inspect -f '{{.State.Pid}}' hog)
nsenter -t "$pid" -n tc qdisc replace dev eth0 root tbf rate 4mbit burst 32kb latency 50ms
