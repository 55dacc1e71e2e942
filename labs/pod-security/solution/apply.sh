# First what runs, so that nothing stops; then the levels.
kubectl replace --filename=/workspace/production/
for workload in shop/till payments/signer "$FACT_HIDDEN/parcels"; do
  kubectl --namespace "${workload%/*}" rollout status "deployment/${workload#*/}" --timeout=60s
done
level=pod-security.kubernetes.io
kubectl label namespaces --selector=environment=production \
  "$level/enforce=restricted" "$level/enforce-version=v1.37"
kubectl label namespace dev \
  "$level/enforce=baseline" "$level/enforce-version=v1.37" \
  "$level/warn=restricted" "$level/warn-version=v1.37"
