production="storefront orders payments $FACT_HIDDEN"
for namespace in $production; do
  kubectl --namespace "$namespace" scale deployment --all --replicas=0
  kubectl --namespace "$namespace" wait pod --all --for=delete --timeout=60s
done
