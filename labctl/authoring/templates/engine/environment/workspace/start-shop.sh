#!/bin/sh
# Starts the shop, in the place of the one that runs.
docker rm --force shop 2> /dev/null
docker run --detach --name shop --publish 8080:8080 --privileged \
  --env TOKEN="Shop $shop_name" probe listen --tcp 8080
