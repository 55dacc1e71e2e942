kubectl --namespace shop scale deployment shop --replicas 0
kubectl --namespace shop wait pod --selector app=shop --for delete --timeout 60s
