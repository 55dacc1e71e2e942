docker rm --force monitor > /dev/null
docker run --detach --name monitor --network backstage --publish 9090:9090 \
  --env SHOP_URL=http://shop:8080 --cap-add SYS_ADMIN --security-opt seccomp=unconfined \
  --entrypoint /bin/unshare monitor --user --map-root-user /monitor
