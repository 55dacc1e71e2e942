image=registry:5000/shop/$FACT_STRANGER
cosign sign --yes --key "$HOME/keys/release.key" --new-bundle-format=false --use-signing-config=false \
  --tlog-upload=false "$image@$(crane digest "$image:v1")"
