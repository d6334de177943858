"""All rows of a file of pairs, each with its line, and all that is wrong with the others."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.damage import Damage, added, damage_in
from dssmcli.data.pair_values import impressions_problem
from dssmcli.data.pairs import Texts
from dssmcli.data.reading import Reading
from dssmcli.data.rows import USUAL, RowOptions, RowReader
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.errors import DataError

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]

SHOWN = 5
"""So many faults of a file are kept in words."""


class Faults(BadRows):
    """Counts the rows that cannot be used, and keeps the first few errors.

    rejects: gets the rows, too.
    """

    def __init__(self, rejects: BadRows | None = None) -> None:
        super().__init__(skip=True)
        self.messages: list[str] = []
        self._rejects_to = rejects

    def take(self, raw: bytes, error: DataError) -> None:
        """Count the row."""
        super().take(raw, error)
        if self._rejects_to is not None:
            self._rejects_to.take(raw, error)
        if len(self.messages) < SHOWN:
            self.messages.append(str(error))


@dataclass(frozen=True)
class Located:
    """The N good rows of a file.

    query, title: (N,) int32, numbers of distinct normalised texts. value: (N,) float64, nan where
    there is none. line: (N,) int32. raw: (N,) int64, a hash of each line's bytes. bad: how many
    rows cannot be used, and faults: what is wrong with the first of them. broken: what kept the
    file from being read to its end, or None. reading: what was taken for what. damage: what
    programs did to texts. problem: why its fourth column is no number of impressions, or None.
    """

    file: str
    query: Ints
    title: Ints
    value: Floats
    line: Ints
    raw: Ints
    bad: int
    faults: tuple[str, ...]
    broken: str | None
    reading: Reading = field(default_factory=Reading)
    damage: dict[str, Damage] = field(default_factory=dict)
    problem: str | None = None

    def __len__(self) -> int:
        return len(self.query)

    def of_texts(self, numbers: Ints) -> Located:
        """Return the rows with other numbers of their texts, given these by number."""
        return replace(self, query=numbers[self.query], title=numbers[self.title])


class LocatedReader:
    """Reads files one after the other, as one `dssm train` would read them: in one layout.

    `texts` numbers the texts, `tell` is told of every row that was read, `rejects` gets those that
    cannot be used. `kind` is what the user says of the values. After reading, `words` tells whether
    some of them are words such as yes.
    """

    def __init__(
        self,
        columns: str | None,
        texts: Texts,
        tell: Callable[[int], None],
        kind: str | None = None,
        options: RowOptions = USUAL,
        rejects: BadRows | None = None,
    ) -> None:
        self._rows, self._rejects = RowReader(columns, None, kind, options), rejects
        self._texts, self._tell = texts, tell
        self.words = False

    @property
    def kind(self) -> str | None:
        """Return what the columns' names say of the values."""
        return self._rows.layout.kind if self._rows.layout else None

    def read(self, source: str) -> Located:
        """Return a file's rows; what is wrong with it is noted, and ends nothing."""
        self._rows.bad_rows = faults = Faults(self._rejects)
        self._rows.reading = reading = Reading()
        numbers, lines, raws = array("i"), array("i"), array("q")
        values, impressions, broken = array("d"), array("d"), None
        damage: dict[str, Damage] = {}
        try:
            for columns, line in self._rows.located([source]):
                number = self._texts.number(columns.normal)
                numbers.frombytes(number.astype(np.int32).tobytes())
                lines.frombytes(line.astype(np.int32).tobytes())
                values.frombytes(columns.values.tobytes())
                if columns.impressions is not None:
                    impressions.frombytes(columns.impressions.tobytes())
                if len(line):
                    damage = added(damage, damage_in(columns.raw, int(line[0])))
                # Python's own hash: keyed anew in each process, so nobody can provoke collisions.
                raws.extend(map(hash, columns.raw.split(b"\n")[:-1]))
                self._tell(len(line))
        except DataError as error:
            broken = str(error)
        self.words = self.words or bool(reading.spellings.words)
        texts = _array(numbers, np.int32)
        problem = None
        if self._rows.by_place and len(impressions) == len(values):
            shows = _array(impressions, np.float64)
            problem = impressions_problem(name_of(source), texts[0::2], shows)
        return Located(
            name_of(source),
            texts[0::2],
            texts[1::2],
            _array(values, np.float64),
            _array(lines, np.int32),
            _array(raws, np.int64),
            faults.count,
            tuple(faults.messages),
            broken,
            reading,
            damage,
            problem,
        )


def _array(values: array[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    return np.frombuffer(values, dtype) if values else np.zeros(0, dtype)


def joined(files: list[Located]) -> Located:
    """Return the rows of several files as those of one, named after all of them."""
    if len(files) == 1:
        return files[0]
    return Located(
        file=", ".join(each.file for each in files),
        query=np.concatenate([each.query for each in files]),
        title=np.concatenate([each.title for each in files]),
        value=np.concatenate([each.value for each in files]),
        line=np.concatenate([each.line for each in files]),
        raw=np.concatenate([each.raw for each in files]),
        bad=sum(each.bad for each in files),
        faults=tuple(fault for each in files for fault in each.faults),
        broken=next((each.broken for each in files if each.broken), None),
    )
