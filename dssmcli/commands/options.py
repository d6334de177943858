"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import click

from dssmcli.config import DECAYS, OPTIMIZERS
from dssmcli.errors import DataError, shown
from dssmcli.presets import as_option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from dssmcli.data.rows import RowOptions

F = TypeVar("F", bound=Callable[..., Any])

CONTEXT = {"show_default": True, "help_option_names": ["-h", "--help"], "max_content_width": 100}


class FileName(click.types.StringParamType):
    """The name of a file, or of a folder: a shell completes it, the command says if it is there."""

    def __init__(self, name: Literal["file", "dir"]) -> None:
        self.name = name

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return what has the shell look for names itself."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type=self.name)]


FILE, FOLDER = FileName("file"), FileName("dir")


class OwnPath(click.Path):
    """The path of what is written to a place of its own: `-`, standard output, is a usage error."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | Any:
        """Return a path, checked as any other is."""
        if str(value) == "-":
            kind = "file" if self.file_okay else "folder"
            self.fail(f"'-' is standard output, expected the name of a {kind}.", param, ctx)
        return super().convert(value, param, ctx)


OWN_FILE = OwnPath(dir_okay=False, path_type=Path)
OWN_FOLDER = OwnPath(file_okay=False, path_type=Path)


def together(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    """Return one decorator that stands for several; the first gives the first option."""

    def decorate(function: F) -> F:
        decorated: Any = function
        for decorator in reversed(decorators):
            decorated = decorator(decorated)
        return cast(F, decorated)

    return decorate


model_option = click.option(
    "-m",
    "--model",
    metavar="DIR",
    type=FOLDER,
    help="The run to use.  [default: $DSSM_MODEL, else ./dssm-model]",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print only errors and warnings.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    default=None,
    help="Processor threads.  [default: all]",
)
pairs_options = together(
    click.option(
        "--columns",
        metavar="NAMES",
        help="What the columns hold, for files without a header line: query,title and one of "
        "clicks, label, grade, value; impressions; - for a column to ignore.",
    ),
    click.option(
        "--header/--no-header",
        "header",
        default=None,
        help="The first line of each file names its columns, or is a row like others.  "
        "[default: as its names tell]",
    ),
    click.option(
        "--null-texts",
        type=click.Choice(["keep", "skip"]),
        default="keep",
        help="Rows whose query or title is only NULL, nan, None or the like: kept as any other, "
        "and counted, or skipped.",
    ),
    click.option(
        "--value",
        "kind",
        type=click.Choice(["click", "clicks", "label", "grade"]),
        help="What the value column means: clicks (a count, 0 = shown and not clicked), "
        "label (0/1), grade (graded similarity).  [default: its name, or label when all are 0/1]",
    ),
)
bad_rows_options = together(
    click.option(
        "--bad-rows",
        type=click.Choice(["fail", "skip"]),
        default="fail",
        help="What to do with a row that cannot be read.",
    ),
    click.option(
        "--rejects",
        type=OWN_FILE,
        help="Keep the skipped rows in this file.",
    ),
)
answer_options = together(json_option, threads_option, model_option, bad_rows_options, quiet_option)
"""Of a command that answers with a run, row by row."""

run_options = together(
    click.option(
        "-o",
        "--output",
        type=OWN_FOLDER,
        default="dssm-model",
        help="The run to write.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace a run, or a training left unfinished."),
    click.option("--resume", is_flag=True, help="Go on with a training that was interrupted."),
)
column_options = together(
    click.option(
        "--ignore", multiple=True, metavar="COLUMN", help="Learn nothing from this column."
    ),
    click.option(
        "--categorical",
        multiple=True,
        metavar="COLUMN",
        help="Take this column's values as categories, whatever they look like.",
    ),
    click.option(
        "--numeric",
        multiple=True,
        metavar="COLUMN",
        help="Take this column's values as numbers; what is none counts as missing.",
    ),
    click.option(
        "--min-count",
        default=1,
        help="Rows that a category stands in at least; rarer ones count as unknown.",
    ),
)
"""What a user says of the columns that are features."""
Setting = Callable[..., Callable[[Any], Any]]


def setting_of(*parts: object) -> Setting:
    """Return a maker of options without a default of their own: what a part says stands.

    The help tells that default, as the user would write it, unless it tells one already.
    """

    def setting(name: str, kind: Any, text: str, **more: Any) -> Callable[[Any], Any]:
        if "[default" not in text:
            text += f"  [default: {_default(name, parts)}]"
        return click.option(name, type=kind, default=None, help=text, **more)

    return setting


def _default(option: str, parts: Iterable[object]) -> str:
    on, _, off = option.partition("/")
    name = on.removeprefix("--").replace("-", "_")
    value = next(getattr(part, name) for part in parts if hasattr(part, name))
    if off:
        return (on if value else off).removeprefix("--")
    return as_option(value)


def optim_options(
    setting: Setting, epochs: str, batch_size: str, eval_steps: str, learning_rate: str = ""
) -> Callable[[F], F]:
    """Return the options of an OptimConfig; what is not a setting tells what 0 becomes."""
    return together(
        setting("--epochs", click.IntRange(1), f"Times through the rows at most.  {epochs}"),
        setting("--batch-size", click.IntRange(1), f"Rows of a step.  {batch_size}"),
        setting("--optimizer", click.Choice(OPTIMIZERS), "The optimiser."),
        setting("--learning-rate", float, f"The highest learning rate.{learning_rate}"),
        setting("--warmup", float, "Share of the steps in which the rate rises."),
        setting("--decay", click.Choice(DECAYS), "How the rate falls after that."),
        setting("--clip-norm", float, "Longest gradient, 0 for no limit."),
        setting("--averaging", float, "Decay of the running mean of the weights, 0 for none."),
        setting("--patience", int, "Evaluations without a better one before stopping."),
        setting("--eval-steps", click.IntRange(1), f"Steps between evaluations.  {eval_steps}"),
        setting("--seed", int, "One seed sets everything."),
        setting("--threads", int, "Processor threads.  [default: all]"),
    )


def widths(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Return widths that a user writes as 300,300; none for an empty text."""
    if value is None:
        return None
    if not value:
        return ()
    try:
        return tuple(int(width) for width in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r}, expected widths such as 1,3 or 300,300.") from error


def checked_way(overwrite: bool, resume: bool) -> None:
    """Raise a usage error when a run is both to be replaced and to be gone on with."""
    if overwrite and resume:
        raise click.UsageError("--overwrite starts afresh, --resume goes on: give one of them.")
    if click.get_current_context().params.get("valid"):
        refuse_idle("has no effect beside --valid: give one of them.", "valid_share")


def available_threads() -> int:
    """Return how many processor threads this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def can_fork() -> bool:
    """Tell whether processes can be copied: everywhere but on Windows, and safely so on Linux."""
    return hasattr(os, "fork") and os.uname().sysname == "Linux"


def parallel(threads: int | None) -> dict[str, int]:
    """Return how `load` makes an encoder use so many processor threads, None for all."""
    return {"processes" if can_fork() else "threads": threads or available_threads()}


def processes_for(threads: int | None) -> int:
    """Return in how many processes a table is gone through: one where none can be copied."""
    return parallel(threads).get("processes", 1)


def checked_rejects(bad_rows: str, rejects: Path | None, *sources: str | None) -> None:
    """Raise a usage error for --rejects without --bad-rows skip, and where it would take the place
    of one of the files that are read."""
    if rejects is None:
        return
    if bad_rows != "skip":
        raise click.UsageError("--rejects goes with --bad-rows skip.")
    if any(source and source != "-" and _same(source, rejects) for source in sources):
        raise click.UsageError(f"--rejects {rejects} has another use here: name another file.")


def _same(name: str, path: Path) -> bool:
    """Tell whether a name and a path are of one file, be it there or not."""
    if os.path.exists(name) and path.exists():
        return os.path.samefile(name, path)
    return os.path.realpath(name) == os.path.realpath(path)


def refuse_input(output: Path | None, files: Iterable[str]) -> None:
    """Raise a usage error when what is written would take the place of a file that is read."""
    if output is not None and output.is_file():
        for file in files:
            if os.path.exists(file) and os.path.samefile(file, output):
                raise click.UsageError(f"{output} is read: write elsewhere with -o.")


def refuse_idle(why: str, *names: str) -> None:
    """Raise a usage error for one of these parameters that was given, as it would do nothing."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and given is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[-1]} {why}")


def checked_number(option: str, value: float | None) -> None:
    """Raise a usage error for what is no number."""
    if value is not None and value != value:  # noqa: PLR0124 (nan alone is not itself)
        raise click.UsageError(f"{option} is nan, expected a number.")


def checked_text(name: str, text: str) -> str:
    """Return a text from the command line; DataError when its bytes are not UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{name}: {shown(text)} is not valid UTF-8, expected UTF-8 text."
        ) from error
    return text


def family_of(runs: Sequence[str]) -> str:
    """Return what the runs are of; a usage error when they are of different kinds."""
    from dssmcli.run import FAMILIES, Run, using_run

    families = [using_run(Path(run), Run.family) for run in runs]
    for run, family in zip(runs, families, strict=True):
        if family != families[0]:
            raise click.UsageError(
                f"{runs[0]} is {FAMILIES[families[0]]} and {run} is {FAMILIES[family]}: runs of "
                "one kind can be compared."
            )
    return families[0]


def row_options(header: bool | None, null_texts: str) -> RowOptions:
    """Return how lines of pairs are taken, as options say it."""
    from dssmcli.data.rows import RowOptions

    return RowOptions(header, null_texts == "skip")


def refuse_pairs_options(
    columns: str | None, kind: str | None, header: bool | None, null_texts: str
) -> None:
    """Raise a usage error for options that say how pairs are read, where there are none."""
    skip = null_texts if null_texts != "keep" else None
    given = {"--columns": columns, "--value": kind, "--header": header, "--null-texts": skip}
    for option, value in given.items():
        if value is not None:
            raise click.UsageError(
                f"{option} is for PAIRS, but the run is of tables or logs, which have names in "
                "their header."
            )
