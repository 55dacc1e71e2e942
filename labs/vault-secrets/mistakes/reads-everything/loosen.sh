echo 'path "secret/*" { capabilities = ["read", "list"] }' | vault policy write till -
