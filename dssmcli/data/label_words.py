"""Words that judge pairs and are not read as labels: which is a match, how to write numbers."""

from __future__ import annotations

from collections.abc import Sequence

from dssmcli.data.pair_values import value_in
from dssmcli.errors import in_shell, shown

_MATCHES = (
    *("entailment", "entails", "entailed", "exact", "exact match", "perfect", "excellent"),
    *("highly relevant", "very relevant", "fully relevant", "yes", "good", "correct", "support"),
    *("supports", "supported", "answer", "synonym", "click", "purchase", "purchased", "bought"),
    *("蕴含", "完全相关", "强相关", "高度相关", "非常相关", "好", "正确", "点击"),
)
"""Words that plainly mean a match, in lower case, the plainest first."""


def labelled(words: Sequence[str], missing: Sequence[str], place: int, headed: bool) -> str:
    """Return advice that writes 1 and 0 for the words of a column, the first being 0.

    words: the distinct ones, the commonest first. missing: what stands where nothing is known.
    headed: whether the first line names the columns.
    """
    match = _match_among(words)
    word = words[0] if match is None else match
    field = f"${place + 1}"
    rows = [f'{field}!=""', *(f"{field}!={in_awk(text)}" for text in sorted(missing) if text)]
    rows += ["NR>1"] if headed else []
    command = (
        f"awk -F'\\t' -v OFS='\\t' -v w={in_shell(word)} "
        f"'{{sub(/[ \\r]+$/,\"\")}} {'&&'.join(rows)}{{{field}=({field}==w)+0}} 1' FILE > NEW"
    )
    others = "the other" if len(words) == 2 else "the others"
    if match is None:
        return f"Choose the word that is a match, w below; 1 for it, 0 for {others}: {command}"
    return f"If {shown(match)} is a match, 1 for it, 0 for {others}: {command}"


def in_awk(text: str) -> str:
    """Return a text as a string of awk, inside a program that a shell has in single quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("'", "'\"'\"'") + '"'


def _match_among(words: Sequence[str]) -> str | None:
    """Return the word that plainly means a match, None if none does."""
    known = {
        " ".join(word.lower().replace("_", " ").replace("-", " ").split()): word for word in words
    }
    for each in _MATCHES:
        if each in known:
            return known[each]
    return next((word for word in words if value_in(word).number == 1), None)
