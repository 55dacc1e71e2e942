#!/bin/sh
# Starts shop anew. Customers reach it on port 8080; its key comes from a file that only
# root may read. `backstage` is the network on which containers find each other by name.
set -eu
docker network inspect backstage > /dev/null 2>&1 || docker network create backstage
docker rm --force shop > /dev/null 2>&1 || true
docker run --detach --name shop --restart unless-stopped \
  --network backstage --publish 8080:8080 \
  --env-file /etc/shop/shop.env \
  shop
