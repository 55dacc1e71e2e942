# The old pod loses its labels, so the deployment makes a new one: without its powers.
kubectl --namespace shop label pod --selector app=shop app=old --overwrite
kubectl --namespace shop patch deployment shop --type json --patch \
  '[{"op": "remove", "path": "/spec/template/spec/containers/0/securityContext/privileged"}]'
kubectl --namespace shop rollout status deployment shop --timeout 60s
