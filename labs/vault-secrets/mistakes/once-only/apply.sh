kubectl -n payments patch deployment till --patch \
  '{"spec":{"template":{"metadata":{"annotations":{"vault.hashicorp.com/agent-pre-populate-only":"true"}}}}}'
kubectl -n payments rollout status deployment/till --timeout 90s
