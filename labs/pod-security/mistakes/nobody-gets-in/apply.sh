kubectl apply --filename=- <<END
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: freeze}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods, pods/ephemeralcontainers]}
  validations:
    - {expression: "false", message: "production is frozen"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: freeze}
spec:
  policyName: freeze
  validationActions: [Deny]
  matchResources:
    namespaceSelector: {matchLabels: {environment: production}}
END
# It takes a moment until the API server goes by it. What is asked for is a careful pod, like till.
for _ in $(seq 50); do
  kubectl --namespace shop get pods --selector=app=till --output=json |
    jq '.items[0] | .metadata = {name: "careful", namespace: "shop"} | del(.status)' |
    kubectl create --dry-run=server --filename=- 2>&1 | grep -q frozen && exit
  sleep 0.2
done
exit 1
