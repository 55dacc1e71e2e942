#!/bin/sh
# pipeline.sh APP RELEASE: build an app, scan it, and push it. The runner starts it in a copy of the sources.
set -eu
app=$1 release=$2
image=registry:5000/shop/$app:$release

mkdir -p image/app
cp app.py image/app/
pip install --quiet --no-deps --target image/app --requirement requirements.txt
tar -C image -cf layer.tar app
crane append --new_layer layer.tar --new_tag "$image" --output image.tar

# First what is found is uploaded, so that it is there when the build stops.
trivy image --input image.tar --format sarif --output scan.sarif
curl --silent --show-error --fail --output /dev/null --data-binary @scan.sarif "$FINDINGS/$app/$release"
trivy image --input image.tar --severity CRITICAL --exit-code 1

crane push image.tar "$image"
