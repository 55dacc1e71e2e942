# Two node pools, and who set them up forgot something else in each.
pool() {
  if [ "$1" = "$FACT_UNLIKE" ]; then
    image=UBUNTU_CONTAINERD upgrade=true boot='
      enableSecureBoot: true'
  else
    image=COS_CONTAINERD upgrade=false boot=
  fi
  cat <<END
---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerNodePool
metadata:
  name: $1
spec:
  clusterRef:
    name: platform-c
  location: europe-west3
  initialNodeCount: $2
  nodeConfig:
    machineType: $3
    imageType: $image
    shieldedInstanceConfig:
      enableIntegrityMonitoring: true$boot
  management:
    autoRepair: true
    autoUpgrade: $upgrade
END
}
{
  cat <<'END'
# What runs under the production cluster. Config Connector makes it so in Google's cloud.
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerCluster
metadata:
  name: platform-c
spec:
  location: europe-west3
  enableShieldedNodes: false
END
  pool general 3 e2-standard-4
  pool batch 1 e2-highmem-8
} > /workspace/nodepools.yaml
