#!/bin/sh
# Trains both stages on these logs, measures them on what followed, recommends with both:
# run.sh [FOLDER]. FOLDER gets two runs (candidates, ranking), predicted.tsv and recommended.tsv.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-run}
mkdir -p "$out"

say() {
    echo "\$ $*" >&2
    "$@"
}

# Stage one: out of all items, those that a user may watch next. What is watched drifts, hence the age.
say dssm train-rec youtube-candidates --search search --context device --example-age \
    --threads 1 -o "$out/candidates" "$here/watches.tsv"
say dssm eval -m "$out/candidates" --history "$here/watches.tsv" --threads 1 "$here/later-watches.tsv"

# Stage two: how long each is watched. Whether it is liked is known only afterwards.
say dssm train-rec youtube-ranking --outcome liked --threads 1 -o "$out/ranking" "$here/impressions.tsv"
say dssm eval -m "$out/ranking" --threads 1 "$here/later-impressions.tsv"
say dssm predict -m "$out/ranking" --keep user --keep item --threads 1 \
    -o "$out/predicted.tsv" "$here/later-impressions.tsv"
head -n 4 "$out/predicted.tsv"

# Both together: of 400 items the 50 best are ranked. The position of what is not shown yet is taken to
# be as usual, the same for all.
say dssm recommend -m "$out/candidates" --ranker "$out/ranking" --candidates 50 --reasons -k 5 \
    --threads 1 -o "$out/recommended.tsv" "$here/watches.tsv"
head -n 6 "$out/recommended.tsv"
