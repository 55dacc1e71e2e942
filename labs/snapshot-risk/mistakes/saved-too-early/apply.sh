vm network desk off
vm snapshot desk october
vm exec desk -- apt-get -qq update
vm exec desk -- apt-get -qqy upgrade
vm delete desk september
vm network desk on
