docker rm --force notary > /dev/null
jq '. + {"hosts": ["unix:///var/run/docker.sock", "tcp://198.18.0.1:2375"], "tls": false}' \
  /etc/docker/daemon.json > /root/daemon.json
cp /root/daemon.json /etc/docker/daemon.json
pkill -x dockerd
until curl --silent --output /dev/null http://198.18.0.1:2375/_ping; do sleep 0.2; done
docker run --detach --name notary --user 10001:10001 --cap-drop ALL \
  --security-opt no-new-privileges --env DOCKER_HOST=tcp://198.18.0.1:2375 \
  --read-only --tmpfs /tmp --tmpfs /var/lib/notary:uid=10001 \
  --publish 8080:80 --env-file /etc/notary/notary.env notary
