"""`dssm recommend`: items for users, from a run of candidates and, if there is one, of ranking."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    FOLDER,
    available_threads,
    bad_rows_options,
    checked_rejects,
    json_option,
    model_option,
    quiet_option,
    threads_option,
)

if TYPE_CHECKING:
    from dssmcli.data.users import Users
    from dssmcli.serving.recommender import Recommended, Recommender

_CONSIDERED = 200
_EPILOG = """\b
Example:
  dssm recommend watches.tsv -k 10
  dssm recommend -m candidates --ranker ranking --reasons watches.tsv
  echo '{"user": "u1", "history": ["i7", "i3"]}' | dssm recommend -k 5 --json
"""


@click.command(
    "recommend",
    short_help="Recommend items to users by their histories.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
)
@click.argument("histories", metavar="[HISTORIES|-]", default="-", type=FILE)
@click.option("-k", "count", type=click.IntRange(1), default=10, help="Items for each user.")
@click.option(
    "--ranker", metavar="DIR", type=FOLDER, help="Rank the candidates by this run of ranking."
)
@click.option(
    "--candidates",
    "considered",
    type=click.IntRange(1),
    help=f"With --ranker: candidates of a user that are ranked.  [default: {_CONSIDERED}]",
)
@click.option("--keep-seen", is_flag=True, help="Recommend what a user has watched already, too.")
@click.option("--reasons", is_flag=True, help="With --ranker: print the score of each stage.")
@click.option("--exact", is_flag=True, help="Search all items, even where there are lists.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, which appears when it is whole.  [default: standard output]",
)
@json_option
@threads_option
@model_option
@bad_rows_options
@quiet_option
def command(
    histories: str,
    count: int,
    ranker: str | None,
    considered: int | None,
    keep_seen: bool,
    reasons: bool,
    exact: bool,
    output: Path | None,
    as_json: bool,
    threads: int | None,
    model: str | None,
    bad_rows: str,
    rejects: Path | None,
    quiet: bool,
) -> None:
    """Print the best items for each user, a line an item: user, rank, item, score.

    HISTORIES is one of three. A log as for training, a row a watch: it is read to its end. Or a
    table with the columns `user` and `history`, ids with spaces between them, the oldest first. Or
    JSON, an object a line: {"user": "u1", "history": ["i7", "i3"]}. The last two are read and
    answered some thousand users at a time. Users are their histories: they need not have been there
    in training. Items that the run does not know are ignored, and counted; who has watched none
    that it knows gets what is most watched.

    The score is that of the candidates' model, the higher the better; with --ranker it is the watch
    time to be expected, and no fewer candidates are ranked than are asked for.
    """
    checked_rejects(bad_rows, rejects, histories)
    _refuse_without_ranker(ranker, candidates=considered is not None, reasons=reasons)
    _use_threads(threads or available_threads())
    from dssmcli.commands.output import talk, writing
    from dssmcli.data.tsv import BadRows
    from dssmcli.data.users import open_users
    from dssmcli.serving.candidates import load_candidates
    from dssmcli.serving.ranker import load_ranker
    from dssmcli.serving.recommender import Recommender

    candidates = load_candidates(model)
    ranking = None if ranker is None else load_ranker(ranker)
    recommender = Recommender(candidates, ranking, keep_seen, exact, considered or _CONSIDERED)
    skipped = BadRows(bad_rows == "skip", rejects)
    form = _Form(recommender, count, reasons, as_json)
    with (
        open_users(
            histories,
            candidates.columns,
            skipped,
            candidates.reading,
            lambda line: talk(quiet, line),
        ) as blocks,
        writing(output) as write,
    ):
        write(form.head())
        for users in blocks:
            write(form.lines(users))
    skipped.write_rejects()
    of_ranker = "" if ranking is None else ranking.reader.summary
    talk(quiet, skipped.summary, *recommender.strangers.lines(), of_ranker)


def _refuse_without_ranker(ranker: str | None, **given: bool) -> None:
    """Raise a usage error for an option that does nothing without a ranker."""
    for name, there in given.items():
        if there and ranker is None:
            raise click.UsageError(f"--{name} goes with --ranker DIR.")


def _use_threads(threads: int) -> None:
    """Have numpy use so many threads; for a process that has not imported it yet."""
    import os

    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(threads)


class _Form(NamedTuple):
    """How recommendations become lines."""

    recommender: Recommender
    items: int
    reasons: bool
    as_json: bool

    def head(self) -> str:
        """Return what stands before all lines."""
        if self.as_json:
            return ""
        return "\t".join(["user", "rank", "item", *self._named(self._names())]) + "\n"

    def lines(self, users: Users) -> str:
        """Return the lines of some users."""
        found = self.recommender.recommend(users, self.items)
        return "".join(self._lines(users, found))

    def _names(self) -> list[str]:
        ranker = self.recommender.ranker
        return ["score"] if ranker is None else [*ranker.figures, "candidate_score"]

    def _named(self, names: list[str]) -> list[str]:
        """Return the names of the figures that are shown; what decides is the score."""
        return ["score", *(names[1:] if self.reasons else [])]

    def _lines(self, users: Users, found: Recommended) -> Iterator[str]:
        from dssmcli.data.records import tsv_field

        items = self.recommender.candidates.catalogue.items
        names = self._named([*found.figures])
        columns = [values.tolist() for values in [*found.figures.values()][: len(names)]]
        for row, (user, places) in enumerate(zip(users.names, found.places.tolist(), strict=True)):
            for rank, place in enumerate(places):
                if place < 0:
                    break
                numbers = [f"{column[row][rank]:.6g}" for column in columns]
                if self.as_json:
                    figures = dict(zip(names, map(float, numbers), strict=True))
                    told = {"user": user, "rank": rank + 1, "item": items[place], **figures}
                    yield json.dumps(told, ensure_ascii=False) + "\n"
                else:
                    fields = [tsv_field(user), str(rank + 1), tsv_field(items[place]), *numbers]
                    yield "\t".join(fields) + "\n"
