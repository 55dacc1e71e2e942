#!/bin/sh
# Starts notary anew, with what it needs and nothing else. Customers reach it on port 8080.
set -eu
docker rm --force notary > /dev/null 2>&1 || true
docker run --detach --name notary --restart unless-stopped \
  --user 10001:10001 \
  --cap-drop ALL \
  --security-opt no-new-privileges \
  --read-only --tmpfs /tmp --tmpfs /var/lib/notary:uid=10001 \
  --publish 8080:80 \
  --env-file /etc/notary/notary.env \
  notary
