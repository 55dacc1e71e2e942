# What somebody did last night, once everything ran: other images under the names of the released.
kubectl -n shop rollout status deployment/web --timeout 90s > /dev/null
kubectl -n payments rollout status deployment/till --timeout 90s > /dev/null
kubectl -n "$FACT_HIDDEN" rollout status deployment/parcels --timeout 90s > /dev/null
for app in web till parcels; do
  push "registry:5000/shop/$app:v1.2" "$FACT_OTHER_KEY" "$app 1.2, trust me" > /dev/null
done
