"""The features a model has rows for, and the row of each."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from dssmcli.errors import DataError, RunError, shown
from dssmcli.text.own_files import name_of, read_own_text

PAD = 0
SHIPPED = ("letter-trigrams", "zh-chars", "symbols")
_HERE = Path(__file__).resolve().parent.parent


class Vocabulary:
    """Features in a fixed order; one that is not among them goes to one of `buckets` hashed rows.

    Row 0 is padding, rows 1..V are the features, and rows V+1..V+buckets are shared by everything
    else. Known features never collide: a letter trigram of the log, or of the shipped list that
    holds all 49,284 of them over [a-z0-9#], has a row of its own.
    """

    def __init__(self, features: Sequence[str], buckets: int) -> None:
        self.features = tuple(features)
        self.buckets = buckets
        self._ids = {feature: i for i, feature in enumerate(self.features, start=1)}
        if len(self._ids) != len(self.features):
            raise DataError("The vocabulary lists a feature twice; expected each once.")

    def __len__(self) -> int:
        """Return the number of rows: padding, features and buckets."""
        return 1 + len(self.features) + self.buckets

    def __contains__(self, feature: str) -> bool:
        return feature in self._ids

    def id(self, feature: str) -> int:
        """Return the row of a feature, 1 <= id < len(self)."""
        found = self._ids.get(feature)
        if found is None:
            # CRC-32 is the same everywhere, which Python's own hash is not.
            found = 1 + len(self.features) + zlib.crc32(feature.encode()) % self.buckets
        return found

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the features and their order."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()

    def to_text(self) -> str:
        """Return the features one a line, as a run stores them."""
        return "".join(f"{feature}\n" for feature in self.features)


def vocabulary_from_text(text: str, buckets: int, name: str) -> Vocabulary:
    """Read what `to_text` wrote; RunError when a line is empty or repeated."""
    features = text.split("\n")
    if features.pop() != "":
        raise RunError(f"{name}: the last line is cut short, expected a final newline.")
    try:
        vocabulary = Vocabulary(features, buckets)
    except DataError as error:
        raise RunError(f"{name}: {error}") from error
    if "" in vocabulary:
        raise RunError(f"{name}: an empty line, expected a feature on each.")
    return vocabulary


def frequent_features(counts: Mapping[str, int], least: int = 1) -> list[str]:
    """Return the features counted at least `least` times, the most frequent first, ties by code."""
    kept = [feature for feature, count in counts.items() if count >= least]
    return sorted(kept, key=lambda feature: (-counts[feature], feature))


def shipped_features(names: Sequence[str] = SHIPPED) -> list[str]:
    """Return the features of the shipped vocabularies, each once, in their files' order."""
    features: dict[str, None] = {}
    for name in names:
        features.update(dict.fromkeys(shipped_file(name).read_text("utf-8").split("\n")[:-1]))
    return list(features)


def shipped_file(name: str) -> Path:
    """Return where a file of vocab/ lies."""
    # An installed package carries vocab/ inside itself; a checkout has it beside the package.
    inside = _HERE / "vocab" / f"{name}.txt"
    return inside if inside.exists() else _HERE.parent / "vocab" / f"{name}.txt"


def read_features(path: Path) -> list[str]:
    """Read a user's own vocabulary, a feature a line; DataError says which line is wrong.

    A tab and a count may follow the feature, as `dssm vocab` writes them.
    """
    lines = read_own_text(path).splitlines()
    features: dict[str, None] = {}
    for number, line in enumerate(lines, start=1):
        feature, tab, count = line.partition("\t")
        if tab and not (count.isascii() and count.isdigit()):
            feature = line
        if feature.split() != [feature] or feature in features:
            found = "repeated" if feature in features else "empty or with white space"
            raise DataError(
                f"{name_of(path)}:{number}: {shown(line)} is {found}, expected a feature a line, "
                "each once (a tab and its count may follow)."
            )
        features[feature] = None
    if not features:
        raise DataError(f"{name_of(path)}: no features, expected one a line.")
    return list(features)
