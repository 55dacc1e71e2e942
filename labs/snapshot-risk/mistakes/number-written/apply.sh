vm network desk off
vm exec desk -- sed -i '/^Package: desk$/,/^$/s/^Version: .*/Version: 1.1/' /var/lib/dpkg/status
vm exec desk -- sync
vm delete desk september
vm snapshot desk mended
vm network desk on
