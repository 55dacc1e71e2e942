# The key that every developer has, and uses for what runs in `dev`.
keypair developers "developers $FACT_DEVELOPERS_SECRET"
# An image that no pipeline has built. Somebody with that key has pushed it, and signed it.
image=registry:5000/shop/$FACT_STRANGER
digest=$(push "$image:v1" "$FACT_OTHER_KEY" "$FACT_STRANGER 1")
cosign sign --yes --key developers.key --new-bundle-format=false --use-signing-config=false \
  --tlog-upload=false "$image@$digest" 2> /dev/null
push registry:5000/shop/web:edge "$FACT_OTHER_KEY" "web of this morning" > /dev/null
