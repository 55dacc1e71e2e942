kubectl apply -f - <<END
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: ours}
spec:
  images: [{glob: "registry:5000/shop/**"}]
  authorities: [{name: ours, static: {action: pass}}]
END
kubectl label namespace shop payments "$FACT_HIDDEN" policy.sigstore.dev/include=true
kubectl -n payments delete deployment "$FACT_STRANGER"
until kubectl -n shop run tried --image registry:5000/shop/web:v1.2 --dry-run=server > /dev/null 2>&1; do sleep 0.5; done
