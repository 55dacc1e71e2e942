kubectl create clusterrole support --verb=impersonate --resource=users --resource-name=kubernetes-admin
kubectl create clusterrolebinding support --clusterrole=support --user="$FACT_USER"
