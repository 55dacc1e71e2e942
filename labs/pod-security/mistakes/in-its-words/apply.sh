level=pod-security.kubernetes.io
kubectl label namespaces --selector=environment=production "$level/enforce-" "$level/enforce-version-"
kubectl apply --filename=- <<END
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: restricted}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  validations:
    - expression: "false"
      message: 'violates PodSecurity "restricted:v1.37": runAsNonRoot != true'
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: restricted}
spec:
  policyName: restricted
  validationActions: [Deny]
  matchResources:
    namespaceSelector: {matchLabels: {environment: production}}
END
# It takes a moment until the API server goes by it.
for _ in $(seq 50); do
  kubectl --namespace shop run careless --image=docker.io/labctl/clerk:lab --dry-run=server 2>&1 |
    grep -q violates && exit
  sleep 0.2
done
exit 1
