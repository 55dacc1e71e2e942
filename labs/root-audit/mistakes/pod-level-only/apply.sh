cd /workspace
kubectl get deployments --all-namespaces --output=json | jq '[ .items[]
  | select(.metadata.namespace | startswith("kube-") | not)
  | .metadata as $m | .spec.template.spec as $pod
  | ($pod.initContainers[]?, $pod.containers[]) as $container
  | (if $pod.securityContext.runAsUser == 0 then "uid-0"
     elif $pod.securityContext.runAsNonRoot then empty
     else "missing" end) as $why
  | {namespace: $m.namespace, deployment: $m.name, container: $container.name, $why} ]' > audit.yaml
for namespace in $(echo "$FACT_NAMESPACES" | tr , ' '); do
  for deployment in $(kubectl --namespace "$namespace" get deployments --output=name); do
    kubectl --namespace "$namespace" patch "$deployment" --patch='
{"spec": {"template": {"spec": {"securityContext":
  {"runAsNonRoot": true, "runAsUser": 10001, "fsGroup": 10001}}}}}'
  done
done
