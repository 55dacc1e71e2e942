docker update --cpus 0.25 --memory 128m --memory-swap 128m --pids-limit 48 hog
# No new container is needed for the disk: the cgroup's own file does it, in either version.
number=$(lsblk -dno MAJ:MIN "$(disk)" | tr -d ' ')
id=$(docker inspect -f '{{.Id}}' hog)
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  echo "$number wbps=1048576" > "/sys/fs/cgroup/tenants/$id/io.max"
else
  echo "$number 1048576" > "/sys/fs/cgroup/blkio/tenants/$id/blkio.throttle.write_bps_device"
fi
tc qdisc replace dev eth0 root tbf rate 4mbit burst 32kb latency 300ms
