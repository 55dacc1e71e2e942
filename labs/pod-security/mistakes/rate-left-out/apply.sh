kubectl --namespace payments patch deployment signer --type=json --patch='[
  {"op": "remove", "path": "/spec/template/spec/volumes"},
  {"op": "remove", "path": "/spec/template/spec/containers/0/volumeMounts"}]'
kubectl --namespace payments rollout status deployment/signer --timeout=60s
