kubectl -n payments scale deployment/till --replicas 0
kubectl -n payments wait --for delete pod -l app=till --timeout 60s
