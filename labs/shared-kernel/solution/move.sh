sh /workspace/start-runner
