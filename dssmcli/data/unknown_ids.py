"""What to say of watches to find, or to validate on, whose items or users nobody knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.id_spelling import spelling_hint
from dssmcli.data.moments import Ints
from dssmcli.data.watches import Watches
from dssmcli.errors import WARNING, counted, shown

Bools = npt.NDArray[np.bool_]


def unknown_lines(
    items: Sequence[str], watches: Watches, places: Ints, known: Bools
) -> Iterator[str]:
    """Yield how many watches are of items that a run does not know; warnings of most of them.

    items: those that it knows, the usual ones first. places: (n,), of the watches to find. known:
    (N,), those that come before.
    """
    there = frozenset(items)
    strange = np.array([item not in there for item in watches.items], np.bool_)[watches.item]
    told = False
    lost = places[strange[places]]
    if len(lost):
        hint = _hint(watches, lost, items)
        told = bool(hint)
        yield (
            f"{_warning(len(lost), len(places), hint)}{len(lost):,} of "
            f"{counted(len(places), 'watch')} to find are of items that the run does not know: "
            f"misses.{hint}"
        )
    lost = np.flatnonzero(strange & known)
    if len(lost):
        hint, example = _hint(watches, lost, items), shown(watches.items[watches.item[lost[0]]])
        yield (
            f"{_warning(len(lost), int(known.sum()), hint)}{len(lost):,} of "
            f"{counted(int(known.sum()), 'watch')} before are of items that the run does not know, "
            f"such as {example}: ignored.{'' if told else hint}"
        )


def valid_lines(items: Sequence[str], users: Sequence[str], later: Watches) -> Iterator[str]:
    """Yield what of watches to validate on is not known to what is trained on.

    items, users: those that are. Users may be new, so they are told only if they may be the same.
    """
    there = frozenset(items)
    strange = np.array([item not in there for item in later.items], np.bool_)[later.item]
    lost = np.flatnonzero(strange)
    if len(lost):
        hint, example = _hint(later, lost, items), shown(later.items[later.item[lost[0]]])
        yield (
            f"{_warning(len(lost), len(later), hint)}{len(lost):,} of "
            f"{counted(len(later), 'watch')} are of items that are not trained on, "
            f"such as {example}: left out.{hint}"
        )
    known = frozenset(users)
    new = [user for user in later.users if user not in known]
    hint = spelling_hint(new, users) if 2 * len(new) > len(later.users) else ""
    if hint:
        yield (
            f"{WARNING}{len(new):,} of {counted(len(later.users), 'user')} have no watch that is "
            f"trained on. {hint}"
        )


def late_history_lines(watches: Watches, places: Ints, known: Bools) -> Iterator[str]:
    """Warn of watches to find that are earlier than one of the history, of the same user."""
    if watches.time is None:
        return
    last = np.full(len(watches.users), -np.inf)
    np.maximum.at(last, watches.user[known], watches.time[known])
    early = int((watches.time[places] < last[watches.user[places]]).sum())
    if early > 0.01 * len(places):
        yield (
            f"{WARNING}{early:,} of {counted(len(places), 'watch')} to find are earlier than "
            "watches of the history, of the same user, behind which they are looked for: is it the "
            "log before?"
        )


def left_out_lines(watches: Watches, places: Ints, known: Bools, left_out: int) -> Iterator[str]:
    """Yield how many watches to find have none before them; a warning of most of them."""
    if left_out:
        hint = _users_hint(watches, known) if 2 * left_out >= len(places) else ""
        yield (
            f"{_warning(left_out, left_out + len(places))}{left_out:,} more have none before them, "
            f"of the same user: left out.{hint}"
        )


def nobody_before(watches: Watches, known: Bools, history: Sequence[str]) -> str:
    """Return what to say where no watch to find has one before it."""
    if not history:
        return (
            "no watch has one before it, of the same user, to be found from. Give the watches "
            "before with --history FILE."
        )
    hint = _users_hint(watches, known)
    said = "no watch has one before it, of the same user, to be found from."
    return f"{said}{hint or ' Are users called in --history as here?'}"


def _users_hint(watches: Watches, known: Bools) -> str:
    """Return how users of watches to find are called in the history, if they may be the same."""
    before = np.zeros(len(watches.users), np.bool_)
    before[watches.user[known]] = True
    later = np.zeros(len(watches.users), np.bool_)
    later[watches.user[~known]] = True
    there = [watches.users[place] for place in np.flatnonzero(before).tolist()]
    return _said(
        spelling_hint((watches.users[i] for i in np.flatnonzero(later & ~before).tolist()), there)
    )


def _hint(watches: Watches, lost: npt.NDArray[Any], items: Sequence[str]) -> str:
    return _said(spelling_hint((watches.items[i] for i in watches.item[lost].tolist()), items))


def _said(hint: str) -> str:
    return f" {hint}" if hint else ""


def _warning(count: int, of: int, hint: str = "") -> str:
    """Return what a line begins with; ids that are only written otherwise weigh more."""
    return WARNING if count > (0.1 if hint else 0.5) * of else ""
