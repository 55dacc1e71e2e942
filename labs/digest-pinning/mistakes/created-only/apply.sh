sed 's/\[CREATE, UPDATE\]/[CREATE]/' digests-only.yaml | kubectl apply -f -
pod=$(kubectl -n shop get pods -l app=web -o name | head -1)
until kubectl -n shop set image "$pod" web=web:v1 --dry-run=server > /dev/null 2>&1; do sleep 0.3; done
