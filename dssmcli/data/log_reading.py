"""How a run reads its logs, so that later ones are read as the one it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dssmcli.config import DATE_ORDERS
from dssmcli.data.dates import DAY_FIRST
from dssmcli.data.exact_times import Floats
from dssmcli.data.time_lines import newest_first, time_unit
from dssmcli.data.times import LATEST, Clock
from dssmcli.errors import ConfigError, in_shell, shown

_WRITE = " Write them with the year first, as 2024-04-03"


def silent(line: str) -> None:
    """Say nothing of what was understood."""
    del line


class LogReading(NamedTuple):
    """plain_ids: whether ids are what `ids.plain_id` makes of them, in runs before format 5 they
    are as they stand. dates: how 03/04/2024 is meant, one of config.DATE_ORDERS, None where a log
    has to prove it. origin: what moments that the run keeps are behind. asked: whether the
    command has --dates. unit: the `time_lines.time_unit` of the moments that the run learned
    from, None where nobody knows. now: in seconds since 1970, None for the computer's clock.
    """

    plain_ids: bool = True
    dates: str | None = None
    origin: int = 0
    asked: bool = False
    unit: str | None = None
    now: float | None = None

    @property
    def advice(self) -> str:
        """Return what to do where nothing says how dates are meant."""
        said = ", or say it: --dates day-first or --dates month-first." if self.asked else "."
        return _WRITE + said

    def learned(self, dates: str | None, origin: int, time: Floats | None) -> LogReading:
        """Return the same of a run that has learned from moments (N,) behind an origin."""
        return self._replace(dates=dates, origin=origin, unit=time_unit(time, origin))

    def no_timestamp(self, likely: Sequence[str], texts: Sequence[str]) -> str:
        """Say that the order of a log counts, though columns may hold moments.

        texts: of the first of them.
        """
        name, *others = likely
        todo = "Call it timestamp in the header"
        if self.asked:
            todo = f"Say --timestamp {in_shell(name)}"
        clock = Clock(DAY_FIRST)
        good = [text for text in texts if not clock.wrong([text])]
        clock.take(good)
        how = ", newest first" if newest_first(clock.times(name)) else ""
        also = f", as do others: {', '.join(others)}" if others else ""
        return (
            f"no column of moments: rows are taken in the order of the log, though {shown(name)} "
            f"looks like moments (such as {shown(texts[0])}{how}){also}. {todo} to go by it."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what a run keeps of it."""
        return {
            "plain_ids": self.plain_ids,
            "dates": self.dates,
            "origin": self.origin,
            "unit": self.unit,
        }


def asked_reading(dates: str | None) -> LogReading:
    """Return how a training reads its log, whose command has --dates."""
    return LogReading(dates=dates, asked=True)


def reading_from(config: Mapping[str, Any], where: str) -> LogReading:
    """Return how a run reads its logs, which config.json says; ConfigError when it says nonsense.

    A run of an older format says nothing.
    """
    plain = config.get("reading")
    if plain is None:
        return LogReading(plain_ids=False)
    match plain:
        case {"plain_ids": bool(plain_ids), "dates": dates, "origin": int(origin)} if (
            dates is None or dates in DATE_ORDERS
        ) and abs(origin) <= LATEST:
            unit = plain.get("unit")
            if unit is None or isinstance(unit, str):
                return LogReading(plain_ids, dates, origin, unit=unit)
    raise ConfigError(f"{where}: reading, expected plain_ids, dates and origin.")
