#!/bin/busybox sh
# The kernel's first program: finds the guest's disk, and starts what is on it.
busybox mount -t devtmpfs devtmpfs /dev 2> /dev/null || {
  busybox mkdir -p /dev
  busybox mount -t devtmpfs devtmpfs /dev
}
while read -r module; do busybox insmod "$module"; done < /order
busybox mount -t ext4 -o ro /dev/vda /system
busybox mount -o move /dev /system/dev
exec busybox switch_root /system /sbin/init
