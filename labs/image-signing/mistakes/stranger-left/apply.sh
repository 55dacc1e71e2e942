# As it would be without the last step of the solution.
kubectl label namespace payments policy.sigstore.dev/include-
kubectl -n payments create deployment "$FACT_STRANGER" --image "registry:5000/shop/$FACT_STRANGER:v1"
kubectl -n payments rollout status "deployment/$FACT_STRANGER" --timeout 60s
kubectl label namespace payments policy.sigstore.dev/include=true
