kubectl patch requiredlimits required-limits --type merge --patch '{"spec": {"enforcementAction": "warn"}}'
kubectl patch allowedregistries allowed-registries --type merge \
    --patch '{"spec": {"enforcementAction": "dryrun"}}'
. policies/taken-in.sh
