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
while kubectl -n shop run tried --image "registry:5000/shop/$FACT_STRANGER:v1" --dry-run=server > /dev/null 2>&1; do sleep 0.5; done
