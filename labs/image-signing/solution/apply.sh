# The policy knows the release key alone, and production asks for it.
kubectl apply -f - <<END
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: signed-only}
spec:
  images: [{glob: "**"}]
  authorities:
    - name: release
      key:
        data: |
$(sed 's/^/          /' release.pub)
END
kubectl label namespace shop payments "$FACT_HIDDEN" policy.sigstore.dev/include=true
kubectl -n payments delete deployment "$FACT_STRANGER"
# A policy takes a moment to count.
try() { kubectl -n shop run tried --image "registry:5000/shop/$1" --dry-run=server > /dev/null 2>&1; }
until ! try "$FACT_STRANGER:v1" && try web:v1.2; do sleep 0.5; done
for place in shop/web payments/till "$FACT_HIDDEN/parcels"; do
  kubectl -n "${place%/*}" rollout restart "deployment/${place#*/}"
  kubectl -n "${place%/*}" rollout status "deployment/${place#*/}" --timeout 60s
done
