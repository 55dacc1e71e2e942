kubectl delete clusterrolebinding go-live team-leads node-debug programs-may-read ci status-page
kubectl delete clusterrole "$FACT_ADDON" "$FACT_ADDON-editor" team-lead node-debug cluster-reader status-page
for namespace in shop payments "$FACT_HIDDEN"; do
  kubectl --namespace "$namespace" delete rolebinding weekend-fixes
done
kubectl --namespace shop delete rolebinding deploy-from-dev
kubectl --namespace dev delete rolebinding sandbox
kubectl --namespace "$FACT_LAIR" delete role,rolebinding "$FACT_DISGUISE"
kubectl --namespace shop scale deployment --all --replicas=0
kubectl --namespace dev scale deployment --all --replicas=0
kubectl --namespace shop wait pod --all --for=delete --timeout=60s
kubectl --namespace dev wait pod --all --for=delete --timeout=60s
