#!/bin/sh
# release.sh [RELEASE]: have the pipeline build a release of all three apps.
for app in web till parcels; do build "$app" "${1:-1.3}"; done
