trust() { # of a policy in a namespace: its callers' label is enough, wherever they are
  kubectl --namespace "$1" patch networkpolicy "$2" --type=json \
    --patch='[{"op": "add", "path": "/spec/ingress/0/from/0/namespaceSelector", "value": {}}]'
}
trust orders api
trust orders db
trust payments payments
trust "$FACT_HIDDEN" parcels
