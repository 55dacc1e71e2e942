password=$(openssl rand -hex 16)
echo "vault kv put secret/till password=$password" >> /workspace/vault.sh
vault kv put secret/till "password=$password"
sleep 5
