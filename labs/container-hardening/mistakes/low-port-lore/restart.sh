docker rm --force notary > /dev/null
docker run --detach --name notary --user 10001:10001 \
  --cap-drop ALL --cap-add NET_BIND_SERVICE --security-opt no-new-privileges \
  --read-only --tmpfs /tmp --tmpfs /var/lib/notary:uid=10001 \
  --publish 8080:80 --env-file /etc/notary/notary.env notary
