kubectl -n shop set env deployment/web "KEY=$FACT_WEB_KEY"
kubectl -n payments set env deployment/till "KEY=$FACT_TILL_KEY"
kubectl -n "$FACT_HIDDEN" set env deployment/parcels "KEY=$FACT_PARCELS_KEY"
kubectl -n shop rollout status deployment/web --timeout 60s
kubectl -n payments rollout status deployment/till --timeout 60s
kubectl -n "$FACT_HIDDEN" rollout status deployment/parcels --timeout 60s
