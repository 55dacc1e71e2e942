# The slice that all containers of the machine share, so that they can starve each other but not
# the engine, and never the computer that all of this runs on.
memory=402653184 pids=200
root=/sys/fs/cgroup
if [ -f $root/cgroup.controllers ]; then
  mkdir -p $root/tenants
  echo "100000 100000" > $root/tenants/cpu.max
  echo $memory > $root/tenants/memory.max
  echo $pids > $root/tenants/pids.max
else
  for controller in cpu memory pids; do mkdir -p $root/$controller/tenants; done
  echo 100000 > $root/cpu/tenants/cpu.cfs_period_us
  echo 100000 > $root/cpu/tenants/cpu.cfs_quota_us
  echo $memory > $root/memory/tenants/memory.limit_in_bytes
  echo $pids > $root/pids/tenants/pids.max
fi

# The line to the customers: 20 Mbit/s for the whole machine. Without it, containers on one
# computer talk as fast as memory can be copied, and nothing is ever short.
tc qdisc replace dev eth0 root tbf rate 20mbit burst 32kb latency 300ms ||
  echo "this kernel has no tbf: the network will not be short" >&2

/workspace/victim.sh
/workspace/hog.sh
