"""Texts in an unnamed file: a log may be larger than memory, and a pipe is read only once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.text.codes import code_points, sizes, texts_at
from dssmcli.text.spill import RaggedFile

_AT_ONCE = 8192


class SpooledTexts:
    """Texts by number, in the order in which they were added; four bytes a character."""

    def __init__(self, scratch: Path | None = None) -> None:
        self._codes = RaggedFile(scratch)

    def __len__(self) -> int:
        return len(self._codes)

    def add(self, texts: Sequence[str]) -> None:
        """Append texts."""
        self._codes.extend(code_points("".join(texts)).astype(np.int64), sizes(texts))

    def of(self, rows: npt.NDArray[np.integer[Any]]) -> Iterator[str]:
        """Yield the chosen texts."""
        for start in range(0, len(rows), _AT_ONCE):
            codes, lengths = self._codes.take(rows[start : start + _AT_ONCE])
            yield from texts_at(codes, np.cumsum(lengths) - lengths, lengths)
