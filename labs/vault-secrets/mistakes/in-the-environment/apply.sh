kubectl -n payments set env deployment/till KEY_FILE- "KEY=$(cat copy)"
kubectl -n payments rollout status deployment/till --timeout 90s
