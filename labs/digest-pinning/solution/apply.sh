# The digests that the pipeline wrote down, and a policy that takes nothing else.
digest() { sed -n "s/.*shop\/$1:v1\.2  *//p" release-1.2.md; }
pin() { kubectl -n "$1" set image "deployment/$2" "$2=registry:5000/shop/$2@$(digest "$2")"; }
pin shop web
pin payments till
pin "$FACT_HIDDEN" parcels
kubectl apply -f digests-only.yaml
kubectl -n shop rollout status deployment/web --timeout 60s
kubectl -n payments rollout status deployment/till --timeout 60s
kubectl -n "$FACT_HIDDEN" rollout status deployment/parcels --timeout 60s
# A policy takes a moment to count.
until ! kubectl -n shop run tagged --image web:v1 --dry-run=server > /dev/null 2>&1; do sleep 0.3; done
