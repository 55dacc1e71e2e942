kubectl patch clusterimagepolicy signed-only --type merge --patch '{"spec":{"mode":"warn"}}'
until kubectl -n shop run tried --image "registry:5000/shop/$FACT_STRANGER:v1" --dry-run=server > /dev/null 2>&1; do sleep 0.5; done
