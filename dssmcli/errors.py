"""Every error a user can meet, the exit code each one ends the command with, and its wording.

DssmError
├── DataError      an input file or text is missing, unreadable or malformed      exit 3
│   └── HeaderError  so is the line that names the columns                        exit 3
├── RunError       a run (model directory) is missing, damaged, newer or hostile  exit 3
├── ConfigError    a setting has a value that cannot be used                      exit 2
├── DivergedError  the loss of a training is no longer a number                   exit 1
├── PeerError      the processes that train together are not all there, or differ exit 1
├── OutputError    a result cannot be written                                     exit 1
└── MissingExtra   a package is not installed that only some users need           exit 1
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BAD_DATA = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

STDIN_IS_READ = "<stdin>: closed, or read already: `-` can stand once in a command."


class DssmError(Exception):
    """An error with a one-line message meant for the user: where, found, expected, what to do.

    on_line: the same for who is at a command line, where that has other ways out than a program.
    """

    exit_code = EXIT_FAILED

    def __init__(self, message: str = "", on_line: str | None = None) -> None:
        super().__init__(message)
        self._on_line = on_line

    @property
    def on_line(self) -> str:
        """Return what to say at a command line."""
        return self._on_line or str(self)


class DataError(DssmError):
    """An input file or text is missing, unreadable or malformed.

    advice: what to do about a row that is wrong in this way, instead of what the command offers
    for any bad row; None for that.
    """

    exit_code = EXIT_BAD_DATA

    def __init__(self, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        self.advice = advice


class HeaderError(DataError):
    """A header line is wrong: no row below it can be read, so it is never skipped."""


class RunError(DssmError):
    """A run (model directory) is missing, damaged, newer than this program, or not a run."""

    exit_code = EXIT_BAD_DATA


class ConfigError(DssmError):
    """A setting has a value that cannot be used."""

    exit_code = EXIT_USAGE


class DivergedError(DssmError):
    """The loss of a training is no longer finite."""


class PeerError(DssmError):
    """The processes that train one model together are not all there, or not alike."""


class OutputError(DssmError):
    """A result cannot be written."""


class MissingExtra(DssmError):  # noqa: N818
    """A package is not installed that only some users need."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}. Install it: pip install 'dssmcli[{extra}]'")


class TextWarning(UserWarning):
    """Texts are not what they seem: longer than a model reads, or only NULL, nan and the like."""


WARNING = "Warning: "
"""How a line begins that says that figures are not what they seem: said also when quiet."""


def worth_saying(lines: Iterable[str], quiet: bool) -> Iterator[str]:
    """Yield the lines to print, none that is empty: when quiet, nothing but warnings."""
    for line in lines:
        if line and (not quiet or line.startswith(WARNING)):
            yield line


def about(where: str, line: str) -> str:
    """Return a line with the file that it is about, once; a warning still begins as one."""
    if line.removeprefix(WARNING).startswith(f"{where}:"):
        return line
    if line.startswith(WARNING):
        return f"{WARNING}{where}: {line.removeprefix(WARNING)}"
    return f"{where}: {line}"


def counted(number: int, noun: str) -> str:
    """Return `1 row`, `2 rows` and so on."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Return `rows`, `watches`, `queries` and so on."""
    if noun.endswith("y") and noun[-2] not in "aeou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("tch") else f"{noun}s"


def shown(text: str, limit: int = 60) -> str:
    """Return a text as an error message quotes it: escaped, and cut after `limit` characters."""
    cut = text if len(text) <= limit else text[:limit] + "…"
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return f'"{escaped}"'


def in_shell(text: str) -> str:
    """Return a text as one word of a shell, in quotes: for what a message says to type.

    What does not print, such as a line end, is left to `printf`, as a message has one line.
    """
    if text.isprintable():
        return "'" + text.replace("'", "'\"'\"'") + "'"
    plain = (c if c.isprintable() and c not in "'%\\" else _octal(c) for c in text)
    return f"\"$(printf '{''.join(plain)}')\""


def _octal(char: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "replace"))


def nearest(name: str, names: Sequence[str]) -> str | None:
    """Return the one of several names that a misspelt name looks most like, None if none does."""
    import difflib  # here, because it is seldom needed and every command starts here

    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.5)), None)
