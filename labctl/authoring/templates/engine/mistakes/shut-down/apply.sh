docker rm --force shop
