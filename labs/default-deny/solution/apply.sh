# The files are in the workspace, for the learner to compare with their own.
kubectl apply --server-side --force-conflicts -f /workspace/policies/
