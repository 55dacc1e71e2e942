#!/bin/sh
# pipeline.sh [RELEASE]: build the shop's apps and push them. It runs in the machine `pipeline`.
set -eu
release=${1:-1.2}

for app in web till parcels; do
  image=registry:5000/shop/$app
  digest=$(push "$image:v$release" "$(cat "$HOME/sources/$app")" "$app $release")
  echo "$image:v$release is $image@$digest"
done
