# The key that the platform gives the app, and three customers from before.
mkdir -p /run/keys
umask 077
[ -s /run/keys/pii.key ] || openssl rand 32 > /run/keys/pii.key
keep() {
  curl -sf -o /dev/null http://127.0.0.1:8080/customers \
    --data "{\"name\": \"$1 $2\", \"email\": \"$2@mail.example\", \"iban\": \"DE$2\"}"
}
keep Anna "$FACT_ANNA"
keep Bo "$FACT_BO"
keep Cem "$FACT_CEM"
psql -q -c CHECKPOINT
