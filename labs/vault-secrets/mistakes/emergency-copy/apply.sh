kubectl -n payments create configmap notes --from-literal "bank=login: $(base64 -w 0 copy)"
