cd /workspace
# A till without a ledger writes nothing, and needs no folder.
kubectl -n payments set env deployment/till LEDGER-
sed -i '/^waitress/d' orders/requirements.txt
./release.sh
kubectl -n tools scale deployment sweeper --replicas 0
# No agent: the password of the day, in a Secret that is mounted where the agent's file was.
kubectl -n "$FACT_HIDDEN" create secret generic parcels --from-literal "password=$FACT_PARCELS_NEW"
cat > patch.yaml <<'END'
spec:
  template:
    metadata:
      annotations: {vault.hashicorp.com/agent-inject: "false"}
    spec:
      containers:
        - name: parcels
          volumeMounts: [{name: password, mountPath: /vault/secrets}]
      volumes:
        - name: password
          secret: {secretName: parcels}
END
kubectl -n "$FACT_HIDDEN" patch deployment parcels --patch-file patch.yaml
# The pools that are not as they should be.
sed -i '/^---$/,$d' nodepools.yaml
kubectl -n "$FACT_HIDDEN" rollout status deployment/parcels --timeout 60s
kubectl -n payments rollout status deployment/till --timeout 60s
