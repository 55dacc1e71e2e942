docker rm --force notary > /dev/null
