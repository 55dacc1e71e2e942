#!/bin/sh
# Starts the hog anew. It has no limits: that is the weakness.
set -eu
customer=$(getent hosts customer | cut -d ' ' -f 1)
docker rm -f hog >/dev/null 2>&1 || true

docker run -d --name hog --restart unless-stopped \
  -p 9090:9090 -e TOKEN=job-$hog_job -e UPLOAD_TO="$customer:9000" \
  app hog
