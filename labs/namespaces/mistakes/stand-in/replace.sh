curl --silent --fail --output /root/page http://127.0.0.1:9090/
docker save --output /root/images.tar shop monitor
jq '. + {"userns-remap": "default"}' /etc/docker/daemon.json > /root/daemon.json
cp /root/daemon.json /etc/docker/daemon.json
pkill -x dockerd
until docker info 2> /dev/null | grep -q userns; do sleep 0.5; done
docker load --quiet --input /root/images.tar
/workspace/start-shop.sh

docker create --name monitor --network backstage --publish 9090:9090 \
  --entrypoint /bin/httpd monitor -f -p 9090 -h /page
mkdir -p /root/web && cp /root/page /root/web/index.html
docker cp /root/web monitor:/page
docker start monitor
