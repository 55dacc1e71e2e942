sed 's/@sha256:\[0-9a-f\]{64}\$/sha256/' digests-only.yaml | kubectl apply -f -
until kubectl -n shop run tagged --image web:sha256-5e --dry-run=server > /dev/null 2>&1; do sleep 0.3; done
