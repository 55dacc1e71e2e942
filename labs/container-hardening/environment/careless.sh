# The state that the learner finds: notary may do anything that the machine may.
# (start-notary.sh in the workspace does the same, for the learner to change.)
umask 077
mkdir -p /etc/notary
echo "NOTARY_KEY=nk_$FACT_NOTARY_KEY" > /etc/notary/notary.env
echo "The safe opens with $FACT_SAFE_CODE." > /root/safe-code

docker run --detach --name notary --restart unless-stopped \
  --privileged --pid host --volume /var/run/docker.sock:/var/run/docker.sock \
  --publish 8080:80 --env-file /etc/notary/notary.env notary > /dev/null

until curl --silent --output /dev/null http://127.0.0.1:8080/; do sleep 0.1; done
for line in 'Ada owes Grace a lunch' 'Grace owes Ada two lunches'; do
  curl --silent --fail --output /dev/null --data "$line" http://127.0.0.1:8080/stamp
done
