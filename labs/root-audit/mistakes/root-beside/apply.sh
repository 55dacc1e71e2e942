namespace=$(echo "$FACT_NAMESPACES" | cut -d, -f1)
kubectl --namespace "$namespace" run maintenance --image=docker.io/labctl/clerk:lab
kubectl --namespace "$namespace" wait pod/maintenance --for=condition=Ready --timeout=60s
