for kind in requiredlimits allowedregistries noroot; do
    until kubectl get $kind -o json | jq -e '.items[0].status.violations' >/dev/null; do sleep 0.5; done
done
kubectl --namespace gatekeeper-system patch deployment gatekeeper --type json --patch "$(
    kubectl --namespace gatekeeper-system get deployment gatekeeper -o json |
        jq '.spec.template.spec.containers[0].args | index("--audit-interval=5") |
            [{op: "replace", path: "/spec/template/spec/containers/0/args/\(.)", value: "--audit-interval=86400"}]')"
kubectl --namespace gatekeeper-system rollout status deployment gatekeeper --timeout=60s
for kind in requiredlimits allowedregistries noroot; do
    kubectl patch "$(kubectl get $kind -o name)" --subresource status --type merge \
        --patch '{"status": {"auditTimestamp": "2099-01-01T00:00:00Z"}}'
done
