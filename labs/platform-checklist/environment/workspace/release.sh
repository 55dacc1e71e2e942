#!/bin/sh
# release.sh [RELEASE]: have the pipeline build a release of orders.
build orders "${1:-1.3}"
