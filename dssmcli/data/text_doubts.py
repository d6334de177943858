"""What the first of some texts look like, if not like texts, for who has no file of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dssmcli.data.damage import doubts_about
from dssmcli.data.other_formats import doubt_of


def doubts_of_texts(texts: Sequence[str], name: str) -> Iterator[str]:
    """Yield what a command warns of at the beginning of a file, without its advice for files."""
    first = next(filter(None, texts), "")
    if "\t" in first or first.lstrip()[:1] == "{" or ("," in first and ", " not in first):
        doubt = doubt_of(texts, "texts.txt")
        if doubt is not None:
            yield f"{name}: {_what(doubt.told)}"
    lines = "\n".join(texts)
    if not _SIGNS.isdisjoint(lines):
        if lines.count("\n") != len(texts) - 1:
            lines = "\n".join(text.replace("\n", " ") for text in texts)
        yield from map(_what, doubts_about(name, lines.encode("utf-8", "replace")))


_SIGNS = frozenset("&<%\\=\ufffd\xc2\xc3\xe2\xef\xe4\xe5\xe6\xe7\xe8\xe9锟烫屯")
"""One of these stands in every text that is damaged, so that plain ones are not gone through."""


def _what(said: str) -> str:
    """Return the first sentence."""
    return f"{said.partition('. ')[0].removesuffix('.')}."
