#!/bin/sh
# Encodes a file in parts, so many at a time, and puts them together: shards.sh RUN TEXTS OUT.npy [PARTS] [AT_ONCE].
# The vectors are plain, to compare with each other; SIDE=title or SIDE=query for those of a side (`dssm encode --side`).
# A part that is done stays done: after an interruption the same command does the others.
set -eu
run=$1
texts=$2
out=$3
parts=${4:-8}
at_once=${5:-2}
here=$(cd "$(dirname "$0")" && pwd)
side=${SIDE:-text}
export run texts out parts side

# A part has one thread: the parts are what goes on at once.
seq "$parts" | xargs -P "$at_once" -I I sh -c '
    test -e "$out.I" || dssm encode -q -m "$run" --side "$side" --threads 1 --shard "I/$parts" --resume -o "$out.I" "$texts"'

# shellcheck disable=SC2046 # a name a part, without spaces of their own
python "$here/join_npy.py" "$out" $(seq "$parts")
