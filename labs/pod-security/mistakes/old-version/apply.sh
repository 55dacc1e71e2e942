kubectl label namespaces --selector=environment=production --overwrite \
  pod-security.kubernetes.io/enforce-version=v1.20
