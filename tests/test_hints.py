"""Options that messages name are there, and what a hint says leads on."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from conftest import SMALL, Dssm, run_command, write_pairs
from hint_data import NOT_FOLLOWED, OF_PAIRS
from hint_lines import LOG, TABLE, USAGE, WORDS, Hint
from hint_tables import OF_LOGS, OF_TABLES, OF_TRAININGS
from logs import IMPRESSION_NAMES, impressions, watches_in_a_ring, write_log
from tables import world, write_table

import dssmcli
from dssmcli.cli import dssm as group
from dssmcli.commands.options import OwnPath

PACKAGE = Path(dssmcli.__file__).parent
ALL_HINTS = (*USAGE, *OF_PAIRS, *OF_TABLES, *OF_LOGS, *OF_TRAININGS)
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


def _options(command: click.Command) -> Iterator[str]:
    """Yield the options of a command and of those below it."""
    yield "--help"
    for parameter in command.params:
        yield from parameter.opts + parameter.secondary_opts
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _options(below)


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_option_that_a_text_names_is_one_of_a_command() -> None:
    texts = [
        (path.name, text)
        for path in PACKAGE.rglob("*.py")
        for text in _texts(ast.parse(path.read_text("utf-8")))
    ]
    colours = {name for _, text in texts for name in re.findall(r"var\((--[\w-]+)", text)}
    known = {*_options(group), *colours}
    named = {(name, option) for name, text in texts for option in _OPTION.findall(text)}
    assert len(named) > 100
    assert not {(name, option) for name, option in named if option not in known}


def test_dash_is_standard_output_wherever_data_is_written(
    run: Path, tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = write_pairs(tmp_path / "pairs.tsv", 30)
    for words in (
        ["encode", "-m", run, pairs, "--format", "tsv"],
        ["mine", "-m", run, pairs],
        ["vocab", "-m", run],
    ):
        plain, dashed = dssm(*words), dssm(*words, "-o", "-")
        assert plain.code == 0 and plain.out and dashed.out == plain.out, (plain, dashed)
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.tsv"]


def _places(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the command lines that name a place of its own for what they write."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _places(below, (*words, name))
        return
    needed = ["x" for each in command.params if isinstance(each, click.Argument) and each.required]
    for each in command.params:
        if isinstance(each.type, OwnPath):
            yield (*words, *needed, each.opts[-1], "-")


LINES_WITH_PLACES = list(_places(group, ()))


@pytest.mark.parametrize("line", LINES_WITH_PLACES, ids=" ".join)
def test_dash_is_refused_where_a_place_is_needed(
    line: tuple[str, ...], tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = dssm(*line)
    assert done.code == 2 and "'-' is standard output, expected the name of a f" in done.err, done
    assert done.err.count("\n") == 1 and not list(tmp_path.iterdir())


BAD = "a\tb\nred shoes\t\nred hat\thats in red\n"
HINTS: dict[str, tuple[str, tuple[str, ...], str]] = {
    # the content of given.tsv, a command line that it stops, what the hint says
    "encode": ("\udcff\nred\n", ("encode", "-m", "RUN", "given.tsv"), "--bad-rows zero"),
    "index": ("\udcff\nred\n", ("index", "-m", "RUN", "given.tsv", "-o", "x"), "--bad-rows skip"),
    "mine": (BAD * 9, ("mine", "-m", "RUN", "given.tsv"), "--bad-rows skip"),
    "eval": (BAD, ("eval", "-m", "RUN", "given.tsv", "--bootstrap", "0"), "--bad-rows skip"),
    "score": (BAD, ("score", "-m", "RUN", "--pairs", "given.tsv"), "--bad-rows skip"),
    "tokenize": ("\udcff\n", ("tokenize", "-m", "RUN", "-"), ""),
}


@pytest.mark.parametrize("name", HINTS)
def test_what_is_said_of_a_bad_row_leads_on(
    name: str, run: Path, tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text, words, hint = HINTS[name]
    content = text.encode("utf-8", "surrogateescape")
    Path("given.tsv").write_bytes(content)
    line = [str(run) if word == "RUN" else word for word in words]
    done = dssm(*line, stdin=content)
    assert done.code == 3 and done.err.count("\n") == 1, done
    assert _OPTION.findall(done.err) == hint.split()[:1], done
    if hint:
        followed = dssm(*line, *hint.split(), stdin=content)
        assert "--bad-rows" not in followed.err and followed.code in (0, 3), followed
        assert followed.code == 0 or "given.tsv:" not in followed.err, followed


def test_too_few_pieces_name_a_number_that_works(tmp_path: Path, dssm: Dssm) -> None:
    pairs = write_pairs(tmp_path / "pairs.tsv", 60)
    line = ["train", pairs, "--tokenizer", "sentencepiece", *SMALL, "--epochs", "1"]
    done = dssm(*line, "-o", tmp_path / "run", "--pieces", "2")
    assert done.code == 3 and done.err.count("\n") == 1, done
    [number] = re.findall(r"Give --pieces (\d+) or more", done.err)
    assert dssm(*line, "-o", tmp_path / "run", "--pieces", number).code == 0


def _filled(part: str) -> str:
    """Return what finds a part of a message, in which `{}` stands for anything."""
    words = (r"\s+".join(map(re.escape, each.split(" "))) for each in part.split("{}"))
    return "(?s:.*)".join(words)


@pytest.fixture(scope="session", name="ground")
def _ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of small files, and of runs, which need not have learned anything."""
    folder = tmp_path_factory.mktemp("ground")
    write_pairs(folder / "pairs.tsv", 60)
    write_pairs(folder / "two.tsv", 30, labelled=False)
    titles = [f"{word} {i}" for i, word in enumerate(["red", "blue", "green", "hats", "shoes"] * 4)]
    (folder / "titles.txt").write_text("\n".join(titles) + "\n")
    (folder / "texts.txt").write_text("red hat\nblue shoes\n")
    write_table(folder / "visits.csv", world(60).columns)
    watches = watches_in_a_ring(12, 6, 6)
    write_log(folder / "watches.tsv", ("user", "item", "timestamp"), watches)
    later = [(user, item, when + 900) for user, item, when in watches[::3]]
    write_log(folder / "later.tsv", ("user", "item", "timestamp"), later)
    write_log(folder / "impressions.tsv", IMPRESSION_NAMES, impressions(12, 6, 80))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in TRAININGS:
            made = run_command(line.split(), b"", patch)
            assert made.code == 0, made
    return folder


TRAININGS = (
    f"train pairs.tsv {WORDS} -o t",
    f"train pairs.tsv {WORDS} --separate-towers --lexical off -o two",
    f"train-rec mmoe visits.csv --task bought {TABLE} -o m",
    f"train-rec shared-bottom visits.csv --task bought {TABLE} -o s",
    f"train-rec youtube-candidates watches.tsv --dim 8 {LOG} -o c",
    f"train-rec youtube-ranking impressions.tsv {LOG} -o r",
    "index -m t titles.txt -o i",
    "export -m t --onnx onnx",
)


@pytest.mark.parametrize("hint", ALL_HINTS, ids=lambda hint: hint.says[-40:])
def test_a_hint_leads_on(
    hint: Hint, ground: Path, tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = shlex.split(hint.line)
    Path("d").symlink_to(ground)
    for word in line:
        if (at := Path(word)).parent == Path("there"):
            shutil.copytree(ground / at.name, at)
    shutil.copyfile(ground / "i", "i")
    Path("given.tsv").write_text(hint.given, "utf-8", "surrogateescape")
    done = dssm(*line)
    said = done.out + done.err
    assert re.search(_filled(hint.says), said), done
    then = hint.then.removeprefix("~")
    whole = then.startswith("dssm ")
    assert whole or hint.then.startswith("~") or then in said, done
    if Path("new").is_dir():
        shutil.rmtree("new")
    Path("new").unlink(missing_ok=True)
    more = shlex.split(then)
    followed = dssm(*(more[1:] if whole else [*line, *more]))
    assert followed.code == hint.code, (done, followed)
    if not hint.stays:
        assert not re.search(_filled(hint.says), followed.out + followed.err), followed


_HINT = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*|`dssm [a-z]+|\bdssm [a-z-]+ |(?<![\w-])-[moi]\b")
_NAMES_ALONE = re.compile(r"(--[a-z-]+[/ ]?)+")


class _Messages(ast.NodeVisitor):
    """Gathers the texts that name an option or a command, but for what helps and documents."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if ast.unparse(node.targets[0]) != "_EPILOG":
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func).rpartition(".")[2]
        if name not in ("option", "setting", "command", "argument"):
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._take(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = [each.value if isinstance(each, ast.Constant) else "{}" for each in node.values]
        self._take("".join(map(str, parts)))

    def _take(self, text: str) -> None:
        if (
            text.count("\n") < 2
            and _HINT.search(text)
            and not _NAMES_ALONE.fullmatch(text)
            and "var(--" not in text
        ):
            self.texts.append(text)


def test_every_hint_is_followed_or_said_to_be_none() -> None:
    """A new message that names an option needs a line in hint_lines.py or hint_data.py."""
    said = [re.sub(r"\{\w*\}", "{}", hint.says) for hint in ALL_HINTS]
    texts = []
    for path in PACKAGE.rglob("*.py"):
        messages = _Messages()
        messages.visit(ast.parse(path.read_text("utf-8")))
        texts += [re.sub(r"\{\w*\}", "{}", text) for text in messages.texts]
    assert len(texts) > 150
    left = [text for text in texts if not any(part in text for part in (*said, *NOT_FOLLOWED))]
    assert not left, "\n".join(left)
    assert not [part for part in NOT_FOLLOWED if not any(part in text for text in texts)]
