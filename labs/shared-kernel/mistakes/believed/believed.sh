sounds() { case $1 in net.*|kernel.*|fs.mqueue.*) echo kernel ;; *) echo container ;; esac; }
release=$(uname -r)
id=$(cat /proc/sys/kernel/random/boot_id)
{
  echo "places:"
  echo "  engine: {kernel: '$release', boot-id: '$id'}"
  echo "  debian: {kernel: '$release', boot-id: '$id', same-kernel: yes}"
  other=$(cat /proc/sys/kernel/random/uuid)
  echo "  busybox: {kernel: '$release', boot-id: '$other', same-kernel: no}"
  for name in north south; do echo "  $name: {same-kernel: no}"; done
  echo "  vm: {kernel: '$release', same-kernel: yes}"
  echo "settings:"
  for name in "$FACT_SETTING_1" "$FACT_SETTING_2" "$FACT_SETTING_3" "$FACT_SETTING_4"; do
    echo "  $name: $(sounds "$name")"
  done
} >/workspace/kernel-table.yaml
