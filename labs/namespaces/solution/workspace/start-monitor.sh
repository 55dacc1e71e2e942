#!/bin/sh
# Starts monitor anew, with nothing of the host's. Its status page is on port 9090.
set -eu
docker rm --force monitor > /dev/null 2>&1 || true
docker run --detach --name monitor --restart unless-stopped \
  --network backstage --publish 9090:9090 \
  --env SHOP_URL=http://shop:8080 \
  monitor
