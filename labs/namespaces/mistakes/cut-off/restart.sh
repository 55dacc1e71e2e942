docker rm --force monitor > /dev/null
docker run --detach --name monitor --network backstage --publish 9090:9090 \
  --env SHOP_URL=http://127.0.0.1:8080 monitor
