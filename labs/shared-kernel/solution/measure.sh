# Fills in the table with what is measured, as README.md shows.
boot=/proc/sys/kernel/random/boot_id
own=$(cat $boot)

same() { # is the kernel under a container the machine's own? Asked of the machine, not of it
  if docker exec "$1" cat $boot 2>/dev/null | grep -qx "$own"; then echo yes; else echo no; fi
}

whose() { # does the engine give a container a value of its own? The one it has: nothing changes
  value=$(cat "/proc/sys/$(echo "$1" | tr . /)")
  if docker run --rm --network none --sysctl "$1=$value" debian true >/dev/null 2>&1
  then echo container; else echo kernel; fi
}

{
  echo "places:"
  echo "  engine: {kernel: '$(uname -r)', boot-id: '$own'}"
  for name in debian busybox; do
    release=$(docker exec $name uname -r) id=$(docker exec $name cat $boot)
    echo "  $name: {kernel: '$release', boot-id: '$id', same-kernel: $(same $name)}"
  done
  for name in north south; do echo "  $name: {same-kernel: $(same $name)}"; done
  release=$(curl -s http://vm/ | sed -n 's/^kernel: //p') id=$(curl -s http://vm/ | sed -n 's/^boot-id: //p')
  echo "  vm: {kernel: '$release', same-kernel: $([ "$id" = "$own" ] && echo yes || echo no)}"
  echo "settings:"
  for name in "$FACT_SETTING_1" "$FACT_SETTING_2" "$FACT_SETTING_3" "$FACT_SETTING_4"; do
    echo "  $name: $(whose "$name")"
  done
} >/workspace/kernel-table.yaml
