# The engine keeps images of remapped containers apart from the others: carry them over.
docker save --output /root/images.tar shop monitor

jq '. + {"userns-remap": "default"}' /etc/docker/daemon.json > /root/daemon.json
cp /root/daemon.json /etc/docker/daemon.json
pkill -x dockerd
until docker info 2> /dev/null | grep -q userns; do sleep 0.5; done

docker load --quiet --input /root/images.tar
/workspace/start-shop.sh
/workspace/start-monitor.sh
