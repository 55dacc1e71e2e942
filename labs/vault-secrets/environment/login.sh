# Logged in, as after `vault login`.
(umask 077; printf 'operator-%s' "$FACT_VAULT_TOKEN" > "$HOME/.vault-token")
vault token lookup > /dev/null
