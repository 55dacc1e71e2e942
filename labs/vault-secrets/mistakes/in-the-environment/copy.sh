vault kv get -field password secret/till > /workspace/copy
