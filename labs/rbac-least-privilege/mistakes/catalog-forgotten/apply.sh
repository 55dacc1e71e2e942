kubectl --namespace shop delete role,rolebinding prices
