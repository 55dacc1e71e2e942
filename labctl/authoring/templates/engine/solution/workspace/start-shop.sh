#!/bin/sh
docker rm --force shop 2> /dev/null
docker run --detach --name shop --publish 8080:8080 --cap-drop ALL \
  --env TOKEN="Shop $shop_name" probe listen --tcp 8080
