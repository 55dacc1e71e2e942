level=pod-security.kubernetes.io
kubectl label namespaces --selector=environment=production \
  "$level/enforce=restricted" "$level/enforce-version=latest"
kubectl label namespace dev "$level/enforce=baseline" "$level/enforce-version=latest"
