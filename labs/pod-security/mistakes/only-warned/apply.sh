level=pod-security.kubernetes.io
kubectl label namespaces --selector=environment=production \
  "$level/enforce-" "$level/enforce-version-" \
  "$level/warn=restricted" "$level/audit=restricted"
