for namespace in shop payments "$FACT_HIDDEN"; do
  kubectl --namespace "$namespace" set subject rolebinding developers-read --group=system:authenticated
done
