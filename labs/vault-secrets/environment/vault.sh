# What is in Vault before you come: a place for passwords, a way in for pods, and what is not the shop's.
root() {
  kubectl -n vault exec -i vault-0 -c keeper -- sh -euc \
    'export VAULT_TOKEN="$(cat /vault/keys/root-token)"; exec "$@"' sh "$@"
}
root vault token create -id "operator-$FACT_VAULT_TOKEN" -policy root -display-name operator > /dev/null
root vault secrets enable -path secret -version 2 kv
root vault auth enable kubernetes
root vault write auth/kubernetes/config kubernetes_host=https://kubernetes.default.svc
# A new place for keys and values is made ready in the background.
until echo "$FACT_WAGES" | root vault kv put secret/wages total=- > /dev/null 2>&1; do sleep 0.2; done
