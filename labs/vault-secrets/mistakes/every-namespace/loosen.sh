vault write auth/kubernetes/role/parcels policies=parcels ttl=1h \
  bound_service_account_namespaces='*' bound_service_account_names=parcels
