# Two more names for the lab's image, as if it came from other registries. Nothing is fetched.
tag() { ctr --namespace k8s.io images tag --force docker.io/labctl/gatekeeper-policies.app:lab "$1"; }
tag "$FACT_REGISTRY/$FACT_TEAM/app:1.4"
tag "$FACT_BARGAIN/free/app:latest"
