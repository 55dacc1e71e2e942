id=$(docker inspect -f '{{.Id}}' hog)
for folder in /sys/fs/cgroup/tenants/$id /sys/fs/cgroup/*/tenants/$id; do
  [ -d "$folder" ] || continue
  mount -t tmpfs none "$folder"
  echo 134217728 | tee "$folder/memory.max" > "$folder/memory.limit_in_bytes"
  echo "25000 100000" > "$folder/cpu.max"
  echo 25000 > "$folder/cpu.cfs_quota_us"
  echo 100000 > "$folder/cpu.cfs_period_us"
  echo 48 > "$folder/pids.max"
  echo "max 99" > "$folder/pids.events"
  printf 'nr_periods 99\nnr_throttled 99\nthrottled_time 99\n' > "$folder/cpu.stat"
done
