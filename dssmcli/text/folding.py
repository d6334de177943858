"""Normalises many texts at once, by looking up every code point in a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.text.codes import code_points, spelling
from dssmcli.text.normalize import Normalizer
from dssmcli.text.ragged import distinct

Codes = npt.NDArray[np.uint32]
Bools = npt.NDArray[np.bool_]

_CODE_POINTS = 0x110000
_SPACE, _END = ord(" "), ord("\n")
_ODD = 1 << 21
"""Flag of a code point that sends its whole text through `normalize`."""


class Folder:
    """Does as a normalizer does, for all texts in which no character depends on another.

    The others it gives to the normalizer: those with a character that is dropped, becomes several
    or depends on its neighbours (a combining mark, a Greek sigma), and those with a space too many.
    """

    def __init__(self, normalizer: Normalizer | None = None) -> None:
        self._normalizer = normalizer or Normalizer()
        # The normal form of each code point, 0 where it was not met so far. Pages of this table
        # that no text touches take no memory.
        self._forms = np.zeros(_CODE_POINTS, np.uint32)
        self._forms[_END] = _END

    def normalized(self, texts: Sequence[str]) -> list[str]:
        """Return the normal form of each text."""
        joined = "\n".join(texts) + "\n"
        if not texts or joined.count("\n") != len(texts):
            return list(map(self._normalizer, texts))
        codes = code_points(joined)
        forms = self._looked_up(codes)
        odd = _odd_places(forms)
        if len(odd):
            rows = distinct(np.searchsorted(np.flatnonzero(forms == _END), odd))
            forms &= np.uint32(_ODD - 1)
        found = spelling(forms).split("\n")
        found.pop()
        if len(odd):
            for row in rows.tolist():
                found[row] = self._normalizer(texts[row])
        return found

    def _looked_up(self, codes: Codes) -> Codes:
        forms = self._forms[codes]
        if not forms.all():
            for code in distinct(codes[forms == 0]).tolist():
                self._forms[code] = self._form(code)
            forms = self._forms[codes]
        return forms

    def _form(self, code: int) -> int:
        """Return the table's entry for a character."""
        char, normalizer = chr(code), self._normalizer
        if normalizer.is_dropped(char) or not normalizer.stands_alone(char):
            return code | _ODD
        form = normalizer.form(char)
        return _SPACE if form.isspace() else ord(form)


def _odd_places(forms: Codes) -> npt.NDArray[np.int64]:
    """Return where something stands that the table alone does not make normal."""
    space, end = forms == _SPACE, forms == _END
    odd = forms >= _ODD
    outside = space | end  # beside which a space is one too many
    odd[0] |= space[0]
    odd[1:] |= space[1:] & outside[:-1]
    odd[:-1] |= space[:-1] & end[1:]
    return np.flatnonzero(odd)
