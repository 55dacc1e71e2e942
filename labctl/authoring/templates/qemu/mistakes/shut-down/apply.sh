vm exec box -- pkill -f 'busybox httpd'
