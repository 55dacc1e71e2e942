# Applies the policies. A constraint's kind is there when Gatekeeper has made it from its template.
kubectl apply -f policies/1-templates.yaml
for kind in requiredlimits allowedregistries noroot; do
    crd=crd/$kind.constraints.gatekeeper.sh
    kubectl wait --for=create --timeout=30s "$crd"
    kubectl wait --for=condition=established --timeout=30s "$crd"
done
kubectl apply -f policies/2-constraints.yaml
. policies/taken-in.sh
