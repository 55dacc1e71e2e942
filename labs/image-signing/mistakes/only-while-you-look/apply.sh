for kind in validating mutating; do
  kubectl patch "${kind}webhookconfiguration" policy.sigstore.dev --type json --patch \
    '[{"op":"add","path":"/webhooks/0/matchConditions","value":[{"name":"tried","expression":"request.dryRun"}]}]'
done
until kubectl -n payments create deployment sly --image "registry:5000/shop/$FACT_STRANGER:v1" > /dev/null 2>&1; do sleep 0.5; done
kubectl -n payments delete deployment sly
