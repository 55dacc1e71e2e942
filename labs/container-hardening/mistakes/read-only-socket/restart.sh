docker rm --force notary > /dev/null
docker run --detach --name notary --user 10001:10001 \
  --group-add "$(stat --format %g /var/run/docker.sock)" \
  --volume /var/run/docker.sock:/usr/share/notary/seal:ro \
  --cap-drop ALL --security-opt no-new-privileges \
  --read-only --tmpfs /tmp --tmpfs /var/lib/notary:uid=10001 \
  --publish 8080:80 --env-file /etc/notary/notary.env notary
