docker rename shop old
docker run --detach --name shop --cap-drop ALL \
  --env TOKEN="Shop $FACT_SHOP_NAME" probe listen --tcp 8080
