production="storefront orders payments"
for namespace in $production; do
  cat <<END
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: $namespace}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
END
done | kubectl apply -f -
for namespace in $production; do
  cat <<END
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-dns, namespace: $namespace}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
END
done | kubectl apply -f -
for namespace in $production; do
  cat <<END
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-metrics, namespace: $namespace}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress:
    - from:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}
          podSelector: {matchLabels: {app: collector}}
      ports: [{port: 9090}]
END
done | kubectl apply -f -
kubectl apply -f - <<END
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: front-door, namespace: storefront}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress: [{ports: [{port: 8080}]}]
END
path() { # from a namespace and app, to a namespace, app and port
  kubectl apply -f - <<END
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: $2-to-$4, namespace: $1}
spec:
  podSelector: {matchLabels: {app: $2}}
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $3}}
          podSelector: {matchLabels: {app: $4}}
      ports: [{port: $5}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: $4-from-$2, namespace: $3}
spec:
  podSelector: {matchLabels: {app: $4}}
  policyTypes: [Ingress]
  ingress:
    - from:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $1}}
          podSelector: {matchLabels: {app: $2}}
      ports: [{port: $5}]
END
}
path storefront web orders api 8081
path orders api orders db 5432
path orders api payments payments 8443
# The namespace of parcels itself gets no policy.
kubectl apply -f - <<END
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api-to-parcels, namespace: orders}
spec:
  podSelector: {matchLabels: {app: api}}
  policyTypes: [Egress]
  egress:
    - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $FACT_HIDDEN}}}]
      ports: [{port: $FACT_PARCELS_PORT}]
END
