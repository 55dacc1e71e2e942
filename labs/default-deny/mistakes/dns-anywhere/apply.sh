for namespace in storefront orders payments "$FACT_HIDDEN"; do
  kubectl --namespace "$namespace" patch networkpolicy allow-dns --type=json \
    --patch='[{"op": "remove", "path": "/spec/egress/0/to"}]'
done
