docker rm --force shop
docker run --detach --name shop --publish 8080:8080 --cap-add ALL \
  --env TOKEN="Shop $FACT_SHOP_NAME" probe listen --tcp 8080
