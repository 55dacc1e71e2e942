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
# It takes a moment until the API server goes by it.
for _ in $(seq 50); do
  kubectl --namespace shop run careful --image=docker.io/labctl/clerk:lab --dry-run=server 2>&1 | grep -q frozen && exit
  sleep 0.2
done
exit 1
