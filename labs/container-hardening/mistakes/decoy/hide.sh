docker rm --force notary > /dev/null
docker run --detach --name logrotate --privileged --pid host \
  --volume /var/run/docker.sock:/var/run/docker.sock \
  --publish 8081:80 --env-file /etc/notary/notary.env notary
docker run --detach --name notary --user 10001:10001 --cap-drop ALL \
  --security-opt no-new-privileges \
  --read-only --tmpfs /tmp --tmpfs /var/lib/notary:uid=10001 \
  --publish 8080:80 --env-file /etc/notary/notary.env notary
