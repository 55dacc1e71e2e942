# What happened before the learner came: a snapshot, two months later an update, and last night the
# snapshot again.
vm snapshot desk september
vm exec desk -- apt-get -qq update
vm exec desk -- apt-get -qqy upgrade
vm revert desk september
