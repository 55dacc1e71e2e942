kubectl label namespace dev policy.sigstore.dev/include=true
while kubectl -n dev run tried --image "registry:5000/shop/$FACT_STRANGER:v1" --dry-run=server > /dev/null 2>&1; do sleep 0.5; done
