kubectl -n payments patch deployment till --patch-file /dev/stdin <<END
spec:
  template:
    metadata: {annotations: {vault.hashicorp.com/agent-inject: "false", vault.hashicorp.com/agent-inject-status: injected}}
    spec:
      volumes: [{name: vault-secrets, emptyDir: {medium: Memory}}]
      containers:
        - name: till
          volumeMounts: [{name: vault-secrets, mountPath: /vault/secrets}]
        - name: vault-agent
          image: docker.io/labctl/vault:lab
          imagePullPolicy: Never
          command: [sh, -euc]
          args: ["echo $(cat copy) > /vault/secrets/password; exec sleep infinity"]
          volumeMounts: [{name: vault-secrets, mountPath: /vault/secrets}]
END
kubectl -n payments rollout status deployment/till --timeout 90s
