page=$(docker volume inspect --format '{{.Mountpoint}}' "$(docker volume create page)")
curl --silent --fail --output "$page/index.html" http://127.0.0.1:8080/
docker rm --force notary > /dev/null
docker run --detach --name notary --user 10001:10001 --cap-drop ALL \
  --security-opt no-new-privileges --read-only --volume page:/page --publish 8080:80 \
  --entrypoint /bin/httpd notary -f -p 80 -h /page
