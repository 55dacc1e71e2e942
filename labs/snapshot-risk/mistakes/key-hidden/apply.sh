vm network desk off
vm exec desk -- sh -c 'mv /etc/desk/key /etc/desk/secret; sed -i s,/etc/desk/key,/etc/desk/secret, /usr/lib/desk/www/cgi-bin/ticket; sync'
vm delete desk september
vm snapshot desk mended
vm network desk on
