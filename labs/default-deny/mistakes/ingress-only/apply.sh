# Nothing is said about egress any more, by any policy.
for namespace in storefront orders payments "$FACT_HIDDEN"; do
  kubectl --namespace "$namespace" delete networkpolicy allow-dns
  for policy in $(kubectl --namespace "$namespace" get networkpolicies --output=name); do
    kubectl --namespace "$namespace" patch "$policy" --type=merge \
      --patch='{"spec": {"policyTypes": ["Ingress"], "egress": null}}'
  done
done
