kubectl --namespace payments create role config --verb=get --resource=secrets --resource-name=card-key
kubectl --namespace payments create rolebinding config --role=config --user="$FACT_USER"
