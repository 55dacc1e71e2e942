docker rm --force monitor > /dev/null
docker run --detach --name monitor --network backstage --publish 9090:9090 \
  --env-file /etc/shop/shop.env --env SHOP_URL=http://shop:8080 monitor
