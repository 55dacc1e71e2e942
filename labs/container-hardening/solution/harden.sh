/workspace/start-notary.sh
