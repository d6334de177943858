#!/bin/sh
# Trains on these visits, measures and predicts held-out ones, shows the gates: run.sh [FOLDER] [ARCH], ARCH as
# `dssm train-rec --help` names them. Predictions go to FOLDER.predicted.tsv.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
run=${1:-dssm-model}
arch=${2:-mmoe}

# No day comes again, so it is no feature; what matters of it is the weekday, which is one.
dssm train-rec "$arch" --task bought --task 'back=same day|this week' --task minutes:regression \
    --ignore day --threads 2 -o "$run" "$here/visits.csv"
dssm eval -m "$run" "$here/heldout.csv"
dssm predict -m "$run" --keep visit -o "$run.predicted.tsv" "$here/heldout.csv"
head -n 6 "$run.predicted.tsv"
if [ "$arch" = mmoe ]; then
    dssm gates -m "$run" --by source "$here/heldout.csv"
fi
