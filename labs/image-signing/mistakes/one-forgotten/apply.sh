kubectl label namespace "$FACT_HIDDEN" policy.sigstore.dev/include-
until kubectl -n "$FACT_HIDDEN" run tried --image "registry:5000/shop/$FACT_STRANGER:v1" --dry-run=server > /dev/null 2>&1; do sleep 0.5; done
