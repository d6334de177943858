"""What several runs that read the same texts have in common."""

from __future__ import annotations

from collections.abc import Sequence

from dssmcli.serving.encoder import Encoder
from dssmcli.text.limits import Cuts, cut_note
from dssmcli.text.normalize import Normalizer


def normalizer_for(encoders: Sequence[Encoder]) -> Normalizer:
    """Return the normalisation of texts that some encoders read.

    Where they differ, it is the oldest: each normalises the texts further, by its own.
    """
    known = [encoder.lookup.normalizer for encoder in encoders]
    first = min(known, key=lambda each: (each.version, each.chinese is not None))
    same = all((each.version, each.chinese) == (first.version, first.chinese) for each in known)
    return first if same else Normalizer(first.version)


def cut_by(encoders: Sequence[Encoder], cuts: Cuts) -> str:
    """Return a line about texts that were cut by the encoder that cuts most; nothing if none."""
    return cut_note(cuts, min(encoder.lookup.max_units for encoder in encoders))
