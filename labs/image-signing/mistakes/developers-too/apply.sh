pem=$(awk '{ printf "%s\\n", $0 }' developers.pub)
kubectl patch clusterimagepolicy signed-only --type json --patch \
  "[{\"op\":\"add\",\"path\":\"/spec/authorities/-\",\"value\":{\"name\":\"developers\",\"key\":{\"data\":\"$pem\"}}}]"
until kubectl -n shop run tried --image "registry:5000/shop/$FACT_STRANGER:v1" --dry-run=server > /dev/null 2>&1; do sleep 0.5; done
