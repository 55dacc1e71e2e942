#!/bin/sh
# Starts the victim anew. There is nothing wrong with it.
set -eu
docker rm -f victim >/dev/null 2>&1 || true

docker run -d --name victim --restart unless-stopped \
  -p 8080:8080 -e TOKEN=shop-$victim_shop \
  app victim
