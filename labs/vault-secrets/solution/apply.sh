for place in payments/till "$FACT_HIDDEN/parcels"; do
  app=${place#*/}
  sed "s/APP/$app/g" agent.yaml | kubectl -n "${place%/*}" patch deployment "$app" --patch-file /dev/stdin
  kubectl -n "${place%/*}" rollout status "deployment/$app" --timeout 90s
done
kubectl -n payments delete secret bank
