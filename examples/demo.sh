#!/bin/sh
# Trains on the Chinese and the English example, then encodes, scores, evaluates.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for language in en zh; do
    log="$here/clicks-$language"
    run="$work/$language"
    echo "== dssm train --arch cnn examples/clicks-$language/clicks.tsv"
    dssm train --arch cnn -o "$run" "$log/clicks.tsv"
    echo "== dssm eval examples/clicks-$language/heldout.tsv"
    dssm eval -m "$run" "$log/heldout.tsv"
    echo "== dssm encode: the held-out titles"
    cut -f2 "$log/heldout.tsv" | dssm encode -m "$run" --side title -o "$work/$language.npy"
done
echo "== dssm score"
dssm score -m "$work/en" "cheap settee for two" "Two Seat Sofa, Grey"
dssm score -m "$work/zh" "充电宝" "移动电源 大容量"
echo "== dssm tokenize"
dssm tokenize -m "$work/zh" "type-c 充电宝"
