# The platform team has been here: in Vault are new passwords, policies and roles for both apps.
root() {
  kubectl -n vault exec -i vault-0 -c keeper -- sh -euc \
    'export VAULT_TOKEN="$(cat /vault/keys/root-token)"; exec "$@"' sh "$@"
}
root vault secrets enable -path secret -version 2 kv
root vault auth enable kubernetes
root vault write auth/kubernetes/config kubernetes_host=https://kubernetes.default.svc
allow() {
  # A new place for keys and values is made ready in the background.
  until printf %s "$3" | root vault kv put "secret/$2" password=- > /dev/null 2>&1; do sleep 0.2; done
  echo "path \"secret/data/$2\" { capabilities = [\"read\"] }" | root vault policy write "$2" -
  root vault write "auth/kubernetes/role/$2" policies="$2" ttl=1h \
    bound_service_account_namespaces="$1" bound_service_account_names="$2"
}
allow payments till "$FACT_TILL_NEW"
allow "$FACT_HIDDEN" parcels "$FACT_PARCELS_NEW"
