kubectl label namespaces --selector=environment=production --overwrite \
  pod-security.kubernetes.io/enforce=baseline
