kubectl --namespace shop patch deployment till --type=json --patch='[
  {"op": "remove", "path": "/spec/template/spec/volumes"},
  {"op": "remove", "path": "/spec/template/spec/containers/0/volumeMounts"}]'
