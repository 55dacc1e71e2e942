# Whom the vault command is to trust.
kubectl -n vault exec vault-0 -c keeper -- cat /vault/ca/ca.crt > /workspace/vault.crt
