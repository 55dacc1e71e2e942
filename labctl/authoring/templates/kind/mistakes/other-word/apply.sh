kubectl --namespace shop patch deployment shop --type json --patch \
  '[{"op": "replace", "path": "/spec/template/spec/containers/0/securityContext",
     "value": {"capabilities": {"add": ["ALL"]}}}]'
kubectl --namespace shop rollout status deployment shop --timeout 60s
