#!/bin/sh
# Trains on the examples, then evaluates, encodes, scores, searches, predicts and recommends: demo.sh FOLDER.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"

# Shows a command, then runs it.
show() {
    printf '\n$ %s\n' "$1"
    eval "$1"
}

for language in en zh; do
    log=$here/clicks-$language
    cp "$log/clicks.tsv" "clicks-$language.tsv"
    cp "$log/heldout.tsv" "heldout-$language.tsv"
    cut -f2 "heldout-$language.tsv" > "titles-$language.txt"
    show "dssm train --arch cnn -o $language --overwrite clicks-$language.tsv"
    show "dssm eval -m $language heldout-$language.tsv"
    echo "# shared characters alone: auc $(python "$here/overlap.py" "heldout-$language.tsv")"
    show "dssm encode -m $language --side title titles-$language.txt > titles-$language.npy"
    show "sort -u titles-$language.txt | dssm index - -m $language -o $language.index --overwrite"
done
show 'dssm score -m en "cheap settee for two" "Two Seat Sofa, Grey"'
show 'dssm score -m en "cheap settee for two" "Cordless Lawn Mower"'
show 'dssm score -m zh "灰色健身垫" "水泥色瑜伽毯 加宽"'
show 'dssm score -m zh "灰色健身垫" "曜石黑移动电源 大容量"'
show 'dssm search -i en.index -k 3 "cheap settee for two"'
show 'dssm search -i zh.index -k 3 "灰色健身垫"'
show 'dssm report en --data heldout-en.tsv -o report.html'
show 'dssm tokenize -m zh "type-c 充电宝"'
cp "$here/multitask/visits.csv" "$here/multitask/heldout.csv" .
show "dssm train-rec mmoe visits.csv -o shop --overwrite --ignore day --task bought --task minutes:regression"
show 'dssm eval -m shop heldout.csv'
show 'dssm predict -m shop --keep visit heldout.csv | head -n 4'
show 'dssm gates -m shop heldout.csv'
cp "$here/recommend"/*.tsv .
show 'dssm train-rec youtube-candidates watches.tsv -o candidates --overwrite'
show 'dssm train-rec youtube-ranking --outcome liked impressions.tsv -o ranking --overwrite'
show 'dssm recommend -m candidates --ranker ranking --reasons -k 2 watches.tsv | head -n 5'
printf '\nThe runs are in %s: try  dssm score -m %s/en "a query" "a title"\n' "$1" "$1"
