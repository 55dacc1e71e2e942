# Every policy selects the one app that runs there today; with the DNS and metrics that it needs.
for pair in storefront/web orders/api orders/db payments/payments "$FACT_HIDDEN/parcels"; do
  cat <<END
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny-${pair#*/}, namespace: ${pair%/*}}
spec:
  podSelector: {matchLabels: {app: ${pair#*/}}}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}
          podSelector: {matchLabels: {app: collector}}
      ports: [{port: 9090}]
  egress:
    - to:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
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
path orders api "$FACT_HIDDEN" parcels "$FACT_PARCELS_PORT"
