cp /bin/busybox /usr/local/lib/files
/usr/local/lib/files httpd -p 8001 -h /usr/share
