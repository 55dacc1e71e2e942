# What this virtual machine has to say about itself, at http://vm/.
mkdir -p /srv/page
{
  echo "kernel: $(uname -r)"
  echo "boot-id: $(cat /proc/sys/kernel/random/boot_id)"
  echo "lease-break-time: $(cat /proc/sys/fs/lease-break-time)"
} > /srv/page/index.html
busybox httpd -p 80 -h /srv/page
