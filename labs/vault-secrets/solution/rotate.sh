/workspace/vault.sh
