kubectl -n payments patch deployment till --patch-file /dev/stdin <<END
spec:
  template:
    metadata: {annotations: {vault.hashicorp.com/agent-inject: "false"}}
    spec:
      volumes: [{name: vault-secrets, emptyDir: {medium: Memory}}]
      containers:
        - name: till
          volumeMounts: [{name: vault-secrets, mountPath: /vault/secrets}]
        - name: vault-agent
          image: docker.io/labctl/vault:lab
          imagePullPolicy: Never
          command: [sh, -euc]
          args: ["while vault kv get -field password secret/till > /vault/secrets/new; do mv /vault/secrets/new /vault/secrets/password; sleep 2; done"]
          env:
            - {name: VAULT_ADDR, value: "https://vault.vault.svc:8200"}
            - {name: VAULT_SKIP_VERIFY, value: "true"}
            - {name: VAULT_TOKEN, value: "operator-$FACT_VAULT_TOKEN"}
          volumeMounts: [{name: vault-secrets, mountPath: /vault/secrets}]
END
kubectl -n payments rollout status deployment/till --timeout 90s
