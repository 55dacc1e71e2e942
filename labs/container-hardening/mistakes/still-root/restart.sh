docker rm --force notary > /dev/null
docker run --detach --name notary --cap-drop ALL --security-opt no-new-privileges \
  --read-only --tmpfs /tmp --tmpfs /var/lib/notary \
  --publish 8080:80 --env-file /etc/notary/notary.env notary
