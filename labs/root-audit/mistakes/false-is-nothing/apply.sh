cd /workspace
jq 'map(select(.why != "switched-off"))' audit.yaml > less && mv less audit.yaml
app=$(echo "$FACT_APPS" | cut -d, -f3) # it was not named, so it stays as it was
namespace=$(kubectl get deployments --all-namespaces --field-selector="metadata.name=$app" \
  --output='jsonpath={.items[0].metadata.namespace}')
kubectl --namespace "$namespace" patch deployment "$app" --patch='
{"spec": {"template": {"spec": {"containers": [
  {"name": "app", "securityContext": {"runAsNonRoot": false}}]}}}}'
