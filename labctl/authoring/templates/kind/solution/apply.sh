kubectl --namespace shop patch deployment shop --type json --patch \
  '[{"op": "remove", "path": "/spec/template/spec/containers/0/securityContext/privileged"}]'
kubectl --namespace shop rollout status deployment shop --timeout 60s
