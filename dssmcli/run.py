"""Runs on disk: file names, format number, hashes, atomic writes, and the way back in.

A run is one folder:

    config.json          format, versions, every setting, data hash, threshold, metrics
    weights.safetensors  the towers' weights, float32, under their torch state-dict names
    metrics.jsonl        one line an evaluation
    MANIFEST.json        size and SHA-256 of every other file

and, if it is of texts,

    vocab.txt            the features, one a line; row i + 1 of the embedding is line i
    words.txt            the words texts are cut into, with scores, if the tokenizer has a list
    chinese.txt          traditional characters and the simplified ones they are read as, if it does

or, if it is of tables,

    features.json        the columns that are read, and how they become categories and numbers

and beside these, if it is one of YouTube's models,

    catalogue.json       the items it knows, by their original ids, and how often each was watched
    history.safetensors  (ranking) what was known of users and items when the log ended

and, from format 5 on,

    fingerprint.safetensors  hashes of the rows that it learned from, and of those that chose its
                             weights: whoever judges it on them is warned

While training goes on, `NAME.partial` beside it holds the state to resume from. Nothing in a run
is a program, nothing points outside the folder, and every byte is checked before it is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, NoReturn, TypeVar

from dssmcli.errors import DssmError, RunError
from dssmcli.file_kinds import HEAD_BYTES, kind_of

FORMAT = 5
WHOLE_VECTORS = 4
"""Runs up to this format have every part in their vectors by sides, even where it is all 0."""
DEFAULT_NAME = "dssm-model"
ENVIRONMENT_VARIABLE = "DSSM_MODEL"

CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
VOCABULARY = "vocab.txt"
WORDS = "words.txt"
CHINESE = "chinese.txt"
METRICS = "metrics.jsonl"
FEATURES = "features.json"
CATALOGUE = "catalogue.json"
HISTORY = "history.safetensors"
FINGERPRINT = "fingerprint.safetensors"
MANIFEST = "MANIFEST.json"
FILES = (CONFIG, WEIGHTS, VOCABULARY, METRICS)
"""What a run of texts has."""
TABLE_FILES = (CONFIG, WEIGHTS, FEATURES, METRICS)
"""What a run of tables has."""
CANDIDATE_FILES = (*TABLE_FILES, CATALOGUE)
RANKING_FILES = (*CANDIDATE_FILES, HISTORY)
KINDS = (RANKING_FILES, CANDIDATE_FILES, TABLE_FILES, FILES)
"""What runs have, those first that have most."""
OPTIONAL = (WORDS, CHINESE, FINGERPRINT)
"""What a run may have besides: a list of words, and (since format 5) a fingerprint."""

TEXT, MULTITASK, CANDIDATES, RANKING = "text", "multitask", "candidates", "ranking"
FAMILIES = {
    TEXT: "one of texts (`dssm train`)",
    MULTITASK: "a multi-task model (`dssm train-rec mmoe` and its like)",
    CANDIDATES: "one of candidate generation (`dssm train-rec youtube-candidates`)",
    RANKING: "one of ranking (`dssm train-rec youtube-ranking`)",
}

WORKPLACE = "partial"
REPLACED = "replaced"

_MANIFEST_LIMIT = 1 << 20

Used = TypeVar("Used")


class Run(NamedTuple):
    """A run whose manifest has been read; the files themselves are checked as they are read.

    content: returns a file's bytes by its name where the run is not a folder of its own.
    """

    path: Path
    files: Mapping[str, tuple[int, str]]
    manifest: str
    content: Callable[[str], bytes] | None = None

    def was_replaced(self) -> bool:
        """Tell whether another run has taken this one's place since its manifest was read."""
        try:
            return _manifest_text(self.path) != self.manifest
        except RunError:
            return True

    def read(self, name: str) -> bytes:
        """Return a file's content; RunError unless its size and hash are as the manifest says."""
        if name not in self.files:
            raise RunError(f"{self.path / MANIFEST}: does not list {name}.")
        size, digest = self.files[name]
        if self.content is None:
            content = read_plain_file(self.path / name, size)
        else:
            content = self.content(name)
        if hashlib.sha256(content).hexdigest() != digest:
            raise RunError(
                f"{self.path / name}: damaged, its SHA-256 is not the one in {MANIFEST}. "
                "Copy the run again or train it anew."
            )
        return content

    def read_text(self, name: str) -> str:
        """Return a text file's content."""
        try:
            return self.read(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise RunError(f"{self.path / name}: not valid UTF-8.") from error

    def config(self) -> dict[str, Any]:
        """Return config.json, as this format has it."""
        return _migrated(parse_object(self.read_text(CONFIG), self.path / CONFIG))

    def config_of(self, family: str) -> dict[str, Any]:
        """Return config.json; RunError when the run is of another family."""
        config = self.config()
        found = config.get("family")
        if found != family:
            told = FAMILIES.get(found, str(found)) if isinstance(found, str) else "of no kind known"
            raise RunError(f"{self.path}: the run is {told}, expected {FAMILIES[family]}.")
        return config

    def family(self) -> str:
        """Return which of FAMILIES the run is of; RunError when of none."""
        found = self.config().get("family")
        if not isinstance(found, str) or found not in FAMILIES:
            raise RunError(f"{self.path}: the run is of no kind known to this program.")
        return found


def _migrated(config: dict[str, Any]) -> dict[str, Any]:
    """Return the config of a run of any format with what was added to it later."""
    config.setdefault("family", TEXT)
    model = config.get("model")
    if not isinstance(model, dict):
        return config
    if config.get("format") == 1:
        model.setdefault("lexical", 0)
    text = model.get("text")
    if isinstance(text, dict):
        text.setdefault("normalization", 1)
        text.setdefault("fold_chinese", False)
    tower = model.get("tower")
    if isinstance(tower, dict) and tower.get("arch") == "cnn":
        # A CNN had one width of windows, and pooled them in one way.
        tower.setdefault("pooling", "max")
        if type(tower.get("window")) is int:
            tower["window"] = [tower["window"]]
    return config


def read_ahead(run: Run, name: str) -> Callable[[], bytes]:
    """Begin to read and check a file in another thread; return what waits for its content."""
    found: list[bytes | BaseException] = []

    def read() -> None:
        try:
            found.append(run.read(name))
        except (RunError, MemoryError) as error:
            found.append(error)

    thread = Thread(target=read, daemon=True)
    thread.start()

    def content() -> bytes:
        thread.join()
        if isinstance(found[0], BaseException):
            raise found[0]
        return found[0]

    return content


def find_run(model: str | None) -> Path:
    """Return the folder to load: the one named, else $DSSM_MODEL, else ./dssm-model."""
    if model:
        return Path(model)
    return Path(os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_NAME)


def open_run(path: Path) -> Run:
    """Read a run's manifest; RunError says which file is wrong and why."""
    if not _is_there(path):
        # A training that was killed while it replaced the run left it there.
        replaced = sibling(path, WORKPLACE) / REPLACED
        path = replaced if is_run(replaced) else path
    if not path.is_dir():
        if path.exists():
            raise _file_not_run(path)
        raise RunError(
            f"{path}: no such run{named_by(path, ENVIRONMENT_VARIABLE)}. Train one: `dssm train "
            f"PAIRS -o {path}`, or `dssm train-rec`; or name another, here or in "
            f"${ENVIRONMENT_VARIABLE}."
        )
    if not _is_there(path / MANIFEST):
        raise RunError(f"{path}: not a run ({MANIFEST} is missing).")
    return _run_of(path, _manifest_text(path), None)


def named_by(path: Path, variable: str) -> str:
    """Return ` ($VARIABLE names it)` where an environment variable does, else nothing."""
    return f" (${variable} names it)" if os.environ.get(variable) == str(path) else ""


def _is_there(path: Path) -> bool:
    """Tell whether something is at a path; RunError where that cannot be seen."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error}).") from error
    return True


def _file_not_run(path: Path) -> RunError:
    """Return the error for a file that is named where a run should be."""
    try:
        with open(path, "rb") as stream:
            kind = kind_of(stream.read(HEAD_BYTES)) if path.is_file() else None
    except OSError as error:
        return RunError(f"{path}: cannot be read ({error.strerror or error}).")
    if is_run(path.parent):
        return RunError(f"{path}: is a file of a run, expected its folder: {path.parent}.")
    found = "is a file" if kind is None else f"is {kind.name}"
    return RunError(f"{path}: {found}, not a run (a run is a folder that a training wrote).")


def packed_run(manifest: bytes, path: Path, content: Callable[[str], bytes]) -> Run:
    """Return the run that is packed in the file `path`; content: its files' bytes by name."""
    try:
        return _run_of(path, manifest.decode("utf-8"), content)
    except UnicodeDecodeError as error:
        raise RunError(f"{path / MANIFEST}: not valid UTF-8.") from error


def _run_of(path: Path, text: str, content: Callable[[str], bytes] | None) -> Run:
    where = path / MANIFEST
    manifest = parse_object(text, where)
    _check_format(manifest.get("format"), where)
    return Run(path, _listed_files(manifest.get("files"), where), text, content)


def using_run(path: Path, use: Callable[[Run], Used]) -> Used:
    """Open a run and return use(run), of the run that takes its place if one does meanwhile."""
    run = open_run(path)
    try:
        return use(run)
    except RunError:
        if not run.was_replaced():
            raise
        return use(open_run(path))


def _manifest_text(path: Path) -> str:
    try:
        return read_plain_file(path / MANIFEST, limit=_MANIFEST_LIMIT).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"{path / MANIFEST}: not valid UTF-8.") from error


def _check_format(found: object, where: Path) -> None:
    if not isinstance(found, int) or found < 1:
        raise RunError(f"{where}: format is {found!r}, expected {FORMAT}.")
    if found > FORMAT:
        raise RunError(
            f"{where}: format {found} is newer than this dssm reads (up to {FORMAT}). Upgrade dssm."
        )


def _listed_files(found: object, where: Path) -> dict[str, tuple[int, str]]:
    if not isinstance(found, dict):
        raise RunError(f"{where}: no list of files.")
    files = {}
    needed = next((kind for kind in KINDS if set(kind) <= set(found)), FILES)
    if FEATURES in found and needed is FILES:
        needed = TABLE_FILES
    for name in (*needed, *(name for name in OPTIONAL if name in found)):
        entry = found.get(name)
        if not isinstance(entry, dict):
            raise RunError(f"{where}: does not list {name}.")
        size, digest = entry.get("size"), entry.get("sha256")
        if not isinstance(size, int) or not isinstance(digest, str):
            raise RunError(f"{where}: the entry of {name} has no size or sha256.")
        files[name] = (size, digest)
    return files


def read_plain_file(path: Path, size: int | None = None, limit: int | None = None) -> bytes:
    """Read a plain file, no link, of the stated size or of so many bytes at most."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            raise RunError(f"{path}: not a plain file; a run holds no links.")
        if limit is not None and status.st_size > limit:
            raise RunError(f"{path}: {status.st_size:,} bytes, too large for a manifest.")
        if size is not None and status.st_size != size:
            raise RunError(
                f"{path}: damaged, {status.st_size:,} bytes where {MANIFEST} says {size:,}."
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise RunError(
            f"{path}: is missing, the run lists it. Copy the run again or train it anew."
        ) from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error}).") from error


def parse_object(text: str, where: Path) -> dict[str, Any]:
    """Parse a JSON object; RunError when it is none."""
    try:
        value = json.loads(text, parse_constant=_no_number)
        if _HALF.search(text):  # which JSON allows, and no stream takes
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise RunError(f"{where}: not valid JSON ({error}).") from error
    if not isinstance(value, dict):
        raise RunError(f"{where}: not a JSON object.")
    return value


_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""Where half a character may be escaped."""


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def to_json(value: Mapping[str, Any]) -> str:
    """Return a JSON object as a run stores it: stable, readable, the same bytes every time."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def sibling(path: Path, role: str) -> Path:
    """Return what stands beside a run under its name and a role."""
    whole = Path(os.path.abspath(path))  # the name of `.` is its folder's
    if not whole.name:
        raise DssmError(f"{path}: cannot be a run.")
    return whole.with_name(f"{whole.name}.{role}")


def is_run(path: Path) -> bool:
    """Tell whether a folder looks like a run: it has a manifest, whole or not."""
    return os.path.lexists(path / MANIFEST)
