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
    - expression: "has(object.spec.securityContext) && has(object.spec.securityContext.runAsNonRoot)"
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
