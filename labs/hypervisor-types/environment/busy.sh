# The computer as it was found: services, and the guest as root's.
sed -i 's/listen=NO/listen=YES/; s/listen_ipv6=YES/listen_ipv6=NO/' /etc/vsftpd.conf
sed -i 's/listen \(\[::\]:\)\?80 default_server/listen \18080 default_server/' \
  /etc/nginx/sites-available/default
services > /dev/null 2>&1
./start-guest
