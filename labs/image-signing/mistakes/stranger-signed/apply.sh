kubectl -n payments create deployment "$FACT_STRANGER" --image "registry:5000/shop/$FACT_STRANGER:v1"
kubectl -n payments rollout status "deployment/$FACT_STRANGER" --timeout 60s
