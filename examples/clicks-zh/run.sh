#!/bin/sh
# Trains on this click log and judges the model on the held-out queries: run.sh [FOLDER] [ARCH].
set -eu
here=$(cd "$(dirname "$0")" && pwd)
run=${1:-dssm-model}
arch=${2:-cnn}

dssm train --arch "$arch" --threads 2 -o "$run" "$here/clicks.tsv"
dssm eval -m "$run" "$here/heldout.tsv"
