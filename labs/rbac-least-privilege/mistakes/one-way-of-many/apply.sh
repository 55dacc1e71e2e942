kubectl delete clusterrolebinding go-live
