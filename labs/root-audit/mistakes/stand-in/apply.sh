app=$(echo "$FACT_APPS" | cut -d, -f2)
namespace=$(kubectl get deployments --all-namespaces --field-selector="metadata.name=$app" \
  --output='jsonpath={.items[0].metadata.namespace}')
kubectl apply --filename=- <<END
apiVersion: v1
kind: Pod
metadata: {name: metrics, namespace: kube-system}
spec:
  containers:
    - name: metrics
      image: docker.io/labctl/clerk:lab
      env: [{name: KEY, value: "$FACT_KEY-$app-app"}]
END
kubectl --namespace kube-system wait pod/metrics --for=condition=Ready --timeout=60s
address=$(kubectl --namespace kube-system get pod metrics --output='jsonpath={.status.podIP}')
# Without a selector a Service leads wherever somebody says.
kubectl --namespace "$namespace" patch service "$app" --type=json \
  --patch='[{"op": "remove", "path": "/spec/selector"}]'
kubectl --namespace "$namespace" delete endpointslices --selector="kubernetes.io/service-name=$app"
kubectl apply --filename=- <<END
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: $app-metrics
  namespace: $namespace
  labels: {kubernetes.io/service-name: $app}
addressType: IPv4
ports: [{name: first, port: 8080}]
endpoints: [{addresses: ["$address"]}]
END
