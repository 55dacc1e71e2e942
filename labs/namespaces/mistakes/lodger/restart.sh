docker rm --force monitor shop > /dev/null
docker run --detach --name shop --network backstage --publish 8080:8080 --publish 9090:9090 \
  --env-file /etc/shop/shop.env shop
docker run --detach --name monitor --network container:shop --pid container:shop \
  --env SHOP_URL=http://127.0.0.1:8080 monitor
