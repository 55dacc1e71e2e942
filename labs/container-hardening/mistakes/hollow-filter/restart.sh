docker rm --force notary > /dev/null
cat > /root/filter.json <<'END'
{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["reboot"], "action": "SCMP_ACT_ERRNO"}]}
END
docker run --detach --name notary --user 10001:10001 --cap-drop ALL \
  --security-opt no-new-privileges --security-opt seccomp=/root/filter.json \
  --read-only --tmpfs /tmp --tmpfs /var/lib/notary:uid=10001 \
  --publish 8080:80 --env-file /etc/notary/notary.env notary
