vm network desk off
vm exec desk -- apt-get -qq update
vm exec desk -- apt-get -qqy upgrade
vm snapshot desk mended
vm network desk on
