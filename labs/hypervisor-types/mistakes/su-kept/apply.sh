chmod u+s /usr/bin/su
