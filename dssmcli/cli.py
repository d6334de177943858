"""The command group, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import NoReturn

import click

from dssmcli.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    EXIT_USAGE,
    DssmError,
    TextWarning,
    nearest,
)

COMMANDS = (
    "train",
    "encode",
    "score",
    "eval",
    "check",
    "mine",
    "index",
    "search",
    "tokenize",
    "vocab",
    "info",
    "report",
    "plot",
    "export",
    "train-rec",
    "predict",
    "gates",
    "recommend",
)

_COMPLETE = "_DSSM_COMPLETE"
_EPILOG = """\b
Exit codes: 0 done, 1 failed, 2 usage, 3 bad data (a file or a run), 130 interrupted,
143 terminated.
Completion: eval "$(_DSSM_COMPLETE=bash_source dssm)"   (or zsh_source)
  fish:     _DSSM_COMPLETE=fish_source dssm | source

\b
Example:
  dssm train --arch cnn pairs.tsv
  dssm encode sentences.txt > vecs.npy
  dssm score "query" "title"
"""


class Terminated(BaseException):
    """Another process wants this one to end (SIGTERM)."""


class LazyGroup(click.Group):
    """Imports a command's module when the command is asked for, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands' names in the order of their use."""
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; a misspelt one is told its nearest."""
        near = nearest(args[0], COMMANDS)
        if args[0] not in COMMANDS and near:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near!r}?")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, or None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"dssmcli.commands.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        return command


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from dssmcli import __version__

        click.echo(f"dssm {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def dssm(debug: bool) -> None:
    """Semantic matching of short texts: train on click logs, encode, score, evaluate.

    And recommenders under train-rec: several labels from one table (predict, gates), and YouTube's
    two stages (recommend, predict); eval measures these runs, too.
    """


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code; errors become one line on stderr."""
    warnings.simplefilter("ignore", TextWarning)  # commands say it in lines of their own
    try:
        # Not click's own `main`, to which a closed pipe is a failure.
        with dssm.make_context("dssm", list(arguments)) as context:
            dssm.invoke(context)
        sys.stdout.flush()
        return EXIT_DONE
    except click.exceptions.Exit as error:
        return error.exit_code
    except BrokenPipeError:
        _close_stdout()
        return EXIT_DONE
    except (KeyboardInterrupt, Terminated, click.Abort) as error:
        return _stopped(error)
    except RuntimeError as error:
        # What a signal raises while a class is being made comes out so before Python 3.12.
        if not isinstance(error.__cause__, (KeyboardInterrupt, Terminated)):
            raise
        return _stopped(error.__cause__)
    except (click.ClickException, DssmError, OSError, MemoryError) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        return _report(error, trains=bool({"train", "train-rec"}.intersection(arguments)))


def _stopped(error: BaseException) -> int:
    """Say that a signal ended this, and return its exit code."""
    terminated = isinstance(error, Terminated)
    _say("Terminated." if terminated else "Interrupted.")
    return EXIT_TERMINATED if terminated else EXIT_INTERRUPTED


def _report(error: click.ClickException | DssmError | OSError | MemoryError, trains: bool) -> int:
    """Print an error in one line and return its exit code.

    trains: whether the command has --batch-size.
    """
    if isinstance(error, DssmError):
        _say(error.on_line)
        return error.exit_code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        _say(error.format_message())
        return EXIT_USAGE
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "dssm"
        _say(f"{path}: {error.format_message()} Try '{path} --help'.")
        return EXIT_USAGE
    if isinstance(error, click.ClickException):
        _say(error.format_message())
        return error.exit_code
    if isinstance(error, MemoryError):
        smaller = "a smaller --batch-size, or " if trains else ""
        _say(f"Not enough memory. Try {smaller}smaller files.")
        return EXIT_FAILED
    _say(f"{error.filename or 'Standard input or output'}: {error.strerror or error}.")
    with contextlib.suppress(OSError):
        _close_stdout()
    return EXIT_FAILED


def _say(message: str) -> None:
    with contextlib.suppress(OSError):
        print(message, file=sys.stderr)


def _close_stdout() -> None:
    # Python flushes stdout once more at exit; give it somewhere to write.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminate(number: int, _: object) -> NoReturn:
    """End what is under way as Ctrl-C does, so that nothing is left lying about."""
    signal.signal(number, signal.SIG_DFL)  # the next one does not ask
    raise Terminated


def main() -> None:
    """Run the command line of this process; the console script."""
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:  # not what a parent has us ignore
        signal.signal(signal.SIGTERM, _terminate)
    # Starting makes many objects and no garbage.
    gc.set_threshold(50_000)
    # Our threads each use numpy: threads of its own beneath them would only get in the way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if _COMPLETE in os.environ:
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(dssm, {}, "dssm", _COMPLETE, os.environ[_COMPLETE]))
    if sys.stdout is None:  # closed by the caller: whatever is written to it fails
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:  # likewise, and nobody listens
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (until the process ends)
    for stream in (sys.stdout, sys.stderr):
        # Data is UTF-8 whatever the locale says. What is none can only be part of a file's name.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    _leave(run(sys.argv[1:]))


def _leave(code: int) -> NoReturn:
    """End the process at once: taking numpy and all else apart takes longer than a short answer."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # what matters has been flushed by `run`
            stream.flush()
    os._exit(code)
