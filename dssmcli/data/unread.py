"""What is said of texts that a run cannot read, and of numbers unlike those it learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dssmcli.errors import WARNING, counted, shown


def shifted_lines(
    name: str, edges: Sequence[float], ends: Sequence[float], bins: Sequence[int]
) -> Iterator[str]:
    """Warn if the numbers of a column nearly all lie where few of those in training did.

    edges: of the bins in training. ends: which share lay in the lowest and in the highest. bins:
    how many lie between now, how many low and how many high.
    """
    total = sum(bins)
    if total < _ENOUGH or not ends:
        return
    limits = ((edges[1], "less"), (edges[-2], "more"))
    for count, before, (edge, far) in zip(bins[1:], ends, limits, strict=True):
        share = count / total
        if share >= _NEARLY_ALL and before <= _HALF:
            yield (
                f"Warning: {name}: {share:.0%} of {counted(total, 'number')} are {edge:.6g} or "
                f"{far}, in training {before:.0%} were: is it another unit or way of writing?"
            )


_SOME, _ENOUGH = 20, 100
_NEARLY_ALL, _HALF = 0.9, 0.5


def missing_lines(name: str, missing: int, fields: int) -> Iterator[str]:
    """Say how many fields of a numeric column are missing, where none was in training."""
    if missing > 0 and fields >= _SOME:
        warning = WARNING if missing >= _HALF * fields else ""
        yield (
            f"{warning}{name}: missing in {missing:,} of {counted(fields, 'field')}, in training "
            "in none: taken as a number in the middle."
        )


def unknown_line(name: str, count: int, example: str | None) -> str:
    """Say how many fields of a column were no known category."""
    return f"{name}: {counted(count, 'field')} with a category not known{_such_as(example)}."


def unreadable_line(name: str, count: int, example: str | None) -> str:
    """Say how many fields of a column were no number where one belongs."""
    return f"{name}: {counted(count, 'field')} without a number{_such_as(example)}: missing."


def _such_as(example: str | None) -> str:
    return "" if example is None else f" ({shown(example, 30) if example else 'empty'})"
