#!/bin/sh -eu
# Prints the audit. It is JSON, and so YAML, too.
kubectl get deployments --all-namespaces --output=json | jq '
  # What holds in the end: the container first, then the pod. (`//` would skip a false.)
  def effect($pod; $container; $setting):
    [$container, $pod | .securityContext[$setting] | select(. != null)] | first;

  [ .items[]
    | select(.metadata.namespace | startswith("kube-") | not)
    | .metadata as {$namespace, name: $deployment}
    | .spec.template.spec as $pod
    | ($pod.initContainers[]?, $pod.containers[]) as $container
    | effect($pod; $container; "runAsUser") as $user
    | effect($pod; $container; "runAsNonRoot") as $demanded
    | (if $user == 0 then "uid-0"
       elif $demanded == false then "switched-off"
       elif $demanded == null then "missing"
       else empty end) as $why
    | {$namespace, $deployment, container: $container.name, $why} ]'
