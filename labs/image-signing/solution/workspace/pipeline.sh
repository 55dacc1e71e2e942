#!/bin/sh
# pipeline.sh [RELEASE]: build the shop's apps, push them and sign them. It runs in the machine `pipeline`.
set -eu
release=${1:-1.2}

for app in web till parcels; do
  image=registry:5000/shop/$app
  digest=$(push "$image:v$release" "$(cat "$HOME/sources/$app")" "$app $release")
  # By its digest: a tag may mean another image by now.
  cosign sign --yes --key "$HOME/keys/release.key" --new-bundle-format=false \
    --use-signing-config=false --tlog-upload=false "$image@$digest"
  echo "$image:v$release is $image@$digest"
done
