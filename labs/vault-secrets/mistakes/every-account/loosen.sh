vault write auth/kubernetes/role/till policies=till ttl=1h \
  bound_service_account_namespaces=payments bound_service_account_names='*'
