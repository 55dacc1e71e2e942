pkill qemu-system
while pgrep qemu-system > /dev/null; do sleep 0.2; done
