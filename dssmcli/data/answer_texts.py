"""Clicks and outcomes in words, dates or counts: refused, with a command that keeps every row."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

from dssmcli.data.column_command import column_command
from dssmcli.data.table import Column
from dssmcli.data.times import DATES, moment_kind
from dssmcli.data.values import boolean_in, is_missing, number_in
from dssmcli.errors import DataError, counted, shown

_FEW, _ODD, _SHOWN = 10, 0.05, 4
_NO_MOMENT = re.compile(r"[0\W_TZ]+")
_YES = re.compile(
    r"(dbl|double|super|very|strong(ly)?)?(likes?|liked|love[sd]?|thumbs?up|up|upvoted?|fav"
    r"|favou?rited?|favou?rites?|follow(s|ed|ing)?|shared?|forward(ed)?|comment(s|ed)?|collect(ed)?"
    r"|saved?|bookmark(s|ed)?|click(s|ed)?|open(ed)?|tap(ped)?|buy|bought|order(ed)?|paid|purchased?"
    r"|finish(ed)?|completed?|done|watched|played|added|subscribed?|positive|pos|good|great|accept(ed)?"
    r"|success|true|yes)|已?(点赞|赞|喜欢|收藏|关注|评论|转发|分享|购买|下单|支付|点击|完播|看完|完成)了?",
    re.IGNORECASE,
)
"""Words that plainly say that something came about, without what joins words."""


def refuse_texts(column: Column, where: str, clicks: bool) -> None:
    """Raise DataError for clicks, or an outcome, many of which are no yes and no that is read.

    To skip such rows, as of a few bad ones, would leave out all of a kind. Clicks are 0 and 1, an
    outcome is a number, too.
    """
    pairs = zip(column.values, column.counts().tolist(), strict=True)
    counts = {text: count for text, count in pairs if count}
    known = {text: count for text, count in counts.items() if not is_missing(text)}
    numbers = {text: number_in(text) for text in known}
    if clicks and {*numbers.values()} == {-1.0, 1.0}:
        return
    odd = [
        text for text in known
        if boolean_in(text) is None and (clicks or math.isnan(numbers[text]))
    ]  # fmt: skip
    rows = sum(known[text] for text in odd)
    yes = sum(count for text, count in known.items() if boolean_in(text))
    if rows < (max(_FEW, _ODD * (rows + yes)) if yes else 2):
        return
    said, ones, sure = _ones(column.name, known, numbers, odd)
    zeros = [text for text in counts if text not in ones]
    command = column_command(where, column.name, _made(ones, zeros), "-01")
    expected = "0 or 1, or yes or no" if clicks else "a number, or yes or no"
    what = "a click" if clicks else "a yes"
    those = f"where {said}" if sure else f"if only {said}"
    raise DataError(
        f"{where}: {column.name} is {_listed(known, odd)}, expected {expected} (to skip such rows "
        f"would leave out all of a kind). Write 1 for what is {what} and 0 for all others; "
        + (f"{those}: {command}." if command else f"that is 1 {those}.")
    )


def _ones(
    name: str, known: Mapping[str, int], numbers: Mapping[str, float], odd: Sequence[str]
) -> tuple[str, list[str], bool]:
    """Return which texts are a yes: in words, one by one, and whether that is plain."""
    plain = [text for text in known if boolean_in(text)]
    if all(math.isnan(numbers[text]) for text in odd):
        moments = [text for text in odd if not _NO_MOMENT.fullmatch(text)]
        if moments and moment_kind(moments) == DATES:
            return "there is a date", [*plain, *moments], True
        words = _yes_words(name, known, odd)
        chosen = [*plain, *words]
        least = min(odd, key=lambda text: known[text])
        said = " or ".join(map(shown, chosen[:_SHOWN])) or shown(least)
        return f"{said} is one", chosen or [least], False
    above = [text for text in known if boolean_in(text) or numbers[text] > 0]
    if any(number <= 0 for number in numbers.values()) or len(above) == 1:
        return "it is above 0", above, True
    most = max(numbers[text] for text in above if not math.isnan(numbers[text]))
    return f"{most:.12g} is one", [text for text in above if numbers[text] == most], False


def _yes_words(name: str, known: Mapping[str, int], odd: Sequence[str]) -> list[str]:
    """Return the words that say that something came about; none where that is not plain."""
    of_name = _bare(name)
    likely = [text for text in odd if _YES.fullmatch(_bare(text)) or _bare(text) == of_name]
    if likely or len(odd) > 1 or len(known) > 1:
        return likely
    return [*odd]


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _made(ones: Sequence[str], zeros: Sequence[str]) -> str:
    """Return the code that makes 1 of some texts `v` and 0 of the others."""
    one, zero = (list(dict.fromkeys(text.strip() for text in texts)) for texts in (ones, zeros))
    among, listed = ("not in", zero) if len(zero) < len(one) else ("in", one)
    return f"str(int(v.strip() {among} {json.dumps(listed, ensure_ascii=False)}))"


def _listed(known: Mapping[str, int], odd: Sequence[str]) -> str:
    """Return the commonest texts that are not read, with their rows."""
    order = sorted(odd, key=lambda text: -known[text])
    parts = [f"{shown(text)} in {counted(known[text], 'row')}" for text in order[:_SHOWN]]
    return ", ".join(parts) + ", …" * (len(order) > _SHOWN)
