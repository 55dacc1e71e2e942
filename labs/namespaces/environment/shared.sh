# The state that the learner finds: monitor is started as if it were a part of the host.
# (start-shop.sh and start-monitor.sh in the workspace do the same, for the learner to change.)
mkdir -p -m 700 /etc/shop
(umask 077; echo "SHOP_KEY=sk_live_$FACT_SHOP_KEY" > /etc/shop/shop.env)

docker network create backstage > /dev/null
docker run --detach --name shop --restart unless-stopped --network backstage \
  --publish 8080:8080 --env-file /etc/shop/shop.env shop > /dev/null
docker run --detach --name monitor --restart unless-stopped \
  --pid host --network host --ipc host --uts host --cap-add SYS_ADMIN \
  --volume /:/host:ro --env SHOP_URL=http://127.0.0.1:8080 monitor > /dev/null

# Something of the host's own in its IPC namespace, to be found there.
ipcmk --shmem 4096 > /dev/null
