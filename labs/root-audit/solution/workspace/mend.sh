#!/bin/sh -eu
# Mends all that the audit names: one rule for the whole pod, and no container goes its own way.
kubectl get deployments --all-namespaces --output=json | jq --raw-output --slurpfile audit audit.yaml '
  # In a patch, null takes a setting away.
  def silent: map({name, securityContext: {runAsNonRoot: null, runAsUser: null}});
  # A folder of the image is for root to write; a volume is for whom the pod says.
  def needs_a_folder: .containers[0] | any(.env[]; .name == "LEDGER") and (.volumeMounts | not);

  .items[]
  | .metadata as {$namespace, $name}
  | select(any($audit[0][]; [.namespace, .deployment] == [$namespace, $name]))
  | .spec.template.spec | needs_a_folder as $folder
  | {
      # The group of the files on volumes: secrets of mode 0400 become 0440.
      securityContext: {runAsNonRoot: true, runAsUser: 10001, fsGroup: 10001},
      containers: (.containers | silent),
      initContainers: (.initContainers // [] | silent)
    }
  | if $folder then
      .volumes = [{name: "books", emptyDir: {}}]
      | .containers[0].volumeMounts = [{name: "books", mountPath: "/books"}]
    else . end
  | "\($namespace) \($name) \({spec: {template: {spec: .}}} | tojson)"
' | while read -r namespace name patch; do
  kubectl --namespace "$namespace" patch deployment "$name" --patch "$patch"
done
