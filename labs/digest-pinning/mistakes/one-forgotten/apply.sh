kubectl delete -f digests-only.yaml
kubectl -n "$FACT_HIDDEN" set image deployment/parcels "parcels=registry:5000/shop/parcels:v1.2" 
kubectl -n "$FACT_HIDDEN" patch deployment parcels --patch '{"spec":{"template":{"spec":{"containers":[{"name":"parcels","imagePullPolicy":"IfNotPresent"}]}}}}'
kubectl -n "$FACT_HIDDEN" rollout status deployment/parcels --timeout 60s
kubectl apply -f digests-only.yaml
until ! kubectl -n shop run tagged --image web:v1 --dry-run=server > /dev/null 2>&1; do sleep 0.3; done
