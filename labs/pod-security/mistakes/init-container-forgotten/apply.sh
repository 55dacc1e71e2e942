kubectl --namespace "$FACT_HIDDEN" patch deployment parcels --type=json --patch='[
  {"op": "add", "path": "/spec/template/spec/initContainers/0/securityContext/runAsUser", "value": 0},
  {"op": "add", "path": "/spec/template/spec/initContainers/0/securityContext/runAsNonRoot", "value": false}]'
