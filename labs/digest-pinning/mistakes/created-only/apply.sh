sed 's/\[CREATE, UPDATE\]/[CREATE]/' digests-only.yaml | kubectl apply -f -
# A pod that a rollout still replaces may be gone before the new rule counts: ask anew each time.
until pod=$(kubectl -n shop get pods -l app=web -o name | head -1) &&
  kubectl -n shop set image "$pod" web=web:v1 --dry-run=server > /dev/null 2>&1; do sleep 0.3; done
