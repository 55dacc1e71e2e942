sed '/initContainers\|ephemeralContainers/d' digests-only.yaml | kubectl apply -f -
init() { kubectl create --dry-run=server -f - <<END
apiVersion: v1
kind: Pod
metadata: {name: tried, namespace: shop}
spec:
  initContainers: [{name: first, image: "web:v1"}]
  containers: [{name: main, image: "web@sha256:5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"}]
END
}
until init > /dev/null 2>&1; do sleep 0.3; done
