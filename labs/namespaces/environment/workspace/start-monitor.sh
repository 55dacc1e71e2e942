#!/bin/sh
# Starts monitor anew. Its status page is on port 9090.
# "It has to see everything, so give it everything." (the person who had to finish by Friday)
set -eu
docker rm --force monitor > /dev/null 2>&1 || true
docker run --detach --name monitor --restart unless-stopped \
  --pid host --network host --ipc host --uts host \
  --cap-add SYS_ADMIN --volume /:/host:ro \
  --env SHOP_URL=http://127.0.0.1:8080 \
  monitor
