#!/bin/sh
# For each app: a password that nobody has seen, a policy that lets it be read, and a role for its account.
set -eu
allow() {
  openssl rand -hex 16 | tr -d '\n' | vault kv put "secret/$2" password=- > /dev/null
  echo "path \"secret/data/$2\" { capabilities = [\"read\"] }" | vault policy write "$2" -
  vault write "auth/kubernetes/role/$2" policies="$2" ttl=1h \
    bound_service_account_namespaces="$1" bound_service_account_names="$2"
}
allow payments till
allow $hidden parcels
