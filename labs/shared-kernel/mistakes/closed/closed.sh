docker rm --force runner >/dev/null
