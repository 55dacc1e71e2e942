kubectl --namespace shop delete deployment "$FACT_GREEDY"
kubectl --namespace payments delete deployment "$FACT_BORROWED"
kubectl --namespace "$FACT_HIDDEN" delete deployment "$FACT_MIGHTY" "$FACT_WORST"
kubectl --namespace "$FACT_HIDDEN" wait --for=delete pods --all --timeout=60s
