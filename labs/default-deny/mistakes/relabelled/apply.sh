production="storefront orders payments $FACT_HIDDEN"
for namespace in $production; do
  kubectl label namespace "$namespace" --overwrite environment=development
done
kubectl --namespace dev delete deployment report
kubectl --namespace dev wait pod --all --for=delete --timeout=60s
