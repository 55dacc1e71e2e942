vm network desk off
vm network desk on
vm exec desk -- apt-get -qq update
vm exec desk -- apt-get -qqy upgrade
vm delete desk september
vm snapshot desk mended
