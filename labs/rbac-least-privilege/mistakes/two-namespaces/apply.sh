kubectl --namespace "$FACT_HIDDEN" delete rolebinding developers-read
kubectl --namespace "$FACT_HIDDEN" create rolebinding weekend-fixes --clusterrole=edit --group="$FACT_GROUP"
