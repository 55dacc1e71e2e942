for namespace in $(echo "$FACT_NAMESPACES" | tr , ' '); do
  kubectl --namespace "$namespace" scale deployment --all --replicas=0
done
