kubectl -n payments create secret generic bank --from-literal "password=$FACT_TILL_PASSWORD"
