for place in shop/web payments/till "$FACT_HIDDEN/parcels"; do
  app=${place#*/}
  image="registry:5000/shop/$app@$(crane digest "registry:5000/shop/$app:v1.2")"
  kubectl -n "${place%/*}" set image "deployment/$app" "$app=$image"
  kubectl -n "${place%/*}" rollout status "deployment/$app" --timeout 60s
done
