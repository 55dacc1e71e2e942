kubectl apply --filename=- <<END
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: $FACT_ADDON, labels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}
rules:
  - {apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}
  - {apiGroups: [""], resources: [pods/exec, pods/attach, pods/portforward], verbs: [get, create]}
END
