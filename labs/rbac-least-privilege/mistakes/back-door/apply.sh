kubectl --namespace dev create serviceaccount helper
kubectl create clusterrolebinding helper --clusterrole=cluster-admin --serviceaccount=dev:helper
