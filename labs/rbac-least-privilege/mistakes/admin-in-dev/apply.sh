kubectl --namespace dev delete rolebinding developers-edit
kubectl --namespace dev create rolebinding developers-edit --clusterrole=admin --group="$FACT_GROUP"
