kubectl label namespace "$FACT_HIDDEN" \
  pod-security.kubernetes.io/enforce- pod-security.kubernetes.io/enforce-version-
