kubectl label namespace dev \
  pod-security.kubernetes.io/enforce- pod-security.kubernetes.io/enforce-version-
