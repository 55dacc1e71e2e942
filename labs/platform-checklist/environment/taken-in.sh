# A constraint can be made once Gatekeeper has made its kind from the template.
crd=crd/noroot.constraints.gatekeeper.sh
kubectl wait --for=create --timeout=60s "$crd"
kubectl wait --for=condition=established --timeout=60s "$crd"
