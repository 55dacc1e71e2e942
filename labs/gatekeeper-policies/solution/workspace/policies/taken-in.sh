# Waits until Gatekeeper has taken in all templates and constraints as they are now.
for kind in constrainttemplates requiredlimits allowedregistries noroot; do
    until kubectl get "$kind" -o json | jq -e 'all(.items[];
        .metadata.generation == (.status.byPod[0].observedGeneration // 0))' >/dev/null; do
        sleep 0.3
    done
done
