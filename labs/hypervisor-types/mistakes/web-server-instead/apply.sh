pkill qemu-system
while pgrep qemu-system > /dev/null; do sleep 0.2; done
mkdir -p /srv/cgi-bin
printf '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"\necho "hello: $QUERY_STRING"\n' > /srv/cgi-bin/hello
chmod 755 /srv/cgi-bin/hello
mkdir -p /opt/qemu
cp /bin/busybox /opt/qemu/busybox
setpriv --reuid vmm --regid vmm --clear-groups --bounding-set -all --no-new-privs \
  /opt/qemu/busybox httpd -p 80 -h /srv
