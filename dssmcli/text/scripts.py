"""Which script texts are written in: Chinese, Latin, both, or something else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.text.codes import code_points, sizes
from dssmcli.text.ragged import distinct

Bytes = npt.NDArray[np.uint8]

SCRIPTS = ("chinese", "latin", "mixed", "other")
"""What `scripts_of` numbers: mixed is Chinese and Latin; other is any text with letters of another
script, or without letters."""

_CHINESE, _LATIN, _OTHER, _NONE = 1, 2, 4, 8
_RANGES = (
    (0x61, 0x7A, _LATIN),
    (0xDF, 0x24F, _LATIN),
    (0x1E00, 0x1EFF, _LATIN),
    (0x3005, 0x3007, _CHINESE),
    (0x3400, 0x4DBF, _CHINESE),
    (0x4E00, 0x9FFF, _CHINESE),
    (0xF900, 0xFAFF, _CHINESE),
    (0x20000, 0x3FFFF, _CHINESE),
)


def _kinds() -> Bytes:
    kinds = np.zeros(0x110000, np.uint8)
    for first, last, kind in _RANGES:
        kinds[first : last + 1] = kind
    kinds[ord("÷")] = _NONE
    return kinds


class ScriptTable:
    """Tells the scripts of many normalised texts at once, by looking up every code point."""

    def __init__(self) -> None:
        self._kinds = _kinds()

    def scripts_of(self, texts: Sequence[str]) -> Bytes:
        """Return (N,) uint8, the place in SCRIPTS of each text's script."""
        # One character more each: a text without any has one, too.
        codes = code_points("\n".join(texts) + "\n")
        kinds = self._kinds[codes]
        if not kinds.all():
            for code in distinct(codes[kinds == 0]).tolist():
                self._kinds[code] = _OTHER if chr(code).isalpha() else _NONE
            kinds = self._kinds[codes]
        lengths = sizes(texts) + 1
        found = np.bitwise_or.reduceat(kinds, np.cumsum(lengths) - lengths) & (_NONE - 1)
        return np.asarray(_PLACES[found])


_PLACES = np.full(8, SCRIPTS.index("other"), np.uint8)
for _letters, _name in (
    (_CHINESE, "chinese"),
    (_LATIN, "latin"),
    (_CHINESE | _LATIN, "mixed"),
):
    _PLACES[_letters] = SCRIPTS.index(_name)
