#!/bin/sh
# Trains on the Chinese and the English example, then evaluates, encodes and scores.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Shows a command, then runs it.
show() {
    echo
    echo "\$ $*"
    "$@"
}

cd "$here/.."
for language in en zh; do
    log=examples/clicks-$language
    show dssm train --arch cnn -o "$work/$language" "$log/clicks.tsv"
    show dssm eval -m "$work/$language" "$log/heldout.tsv"
    echo "# shared characters alone reach an AUC of $(python examples/overlap.py "$log/heldout.tsv")"
    cut -f2 "$log/heldout.tsv" > "$work/titles.txt"
    show dssm encode -m "$work/$language" --side title -o "$work/$language.npy" "$work/titles.txt"
done
show dssm score -m "$work/en" "cheap settee for two" "Two Seat Sofa, Grey"
show dssm score -m "$work/en" "cheap settee for two" "Cordless Lawn Mower"
show dssm score -m "$work/zh" "充电宝" "移动电源 大容量"
show dssm score -m "$work/zh" "充电宝" "纯棉被套 四件套"
show dssm tokenize -m "$work/zh" "type-c 充电宝"
