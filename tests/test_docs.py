"""The docs tell the truth: their commands run, their pages are complete, the twins agree."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Dssm

import dssmcli
from dssmcli.cli import COMMANDS
from dssmcli.rec_config import ARCHS

ROOT = Path(__file__).parent.parent
TUTORIAL = ("docs/tutorial.md", "docs/tutorial.zh.md")
TWINS = [("README.md", "README.zh.md"), ("docs/guide.md", "docs/guide.zh.md"), TUTORIAL]
API = ("docs/api.md", "docs/api.md")
VECTORS = ("docs/vectors.md", "docs/vectors.zh.md")


def blocks(page: str) -> list[tuple[str, str]]:
    """Return (language, content) of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.M | re.S)


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that the pages speak of, made from the examples."""
    folder = tmp_path_factory.mktemp("desk")
    example = ROOT / "examples" / "clicks-en"
    clicks = (example / "clicks.tsv").read_text("utf-8").splitlines(keepends=True)
    heldout = (example / "heldout.tsv").read_text("utf-8").splitlines(keepends=True)
    (folder / "pairs.tsv").write_text("".join(clicks[:400]), "utf-8")
    (folder / "heldout.tsv").write_text("".join(heldout[:200]), "utf-8")
    titles = "".join(line.split("\t")[1] + "\n" for line in clicks[1:50])
    (folder / "titles.txt").write_text(titles, "utf-8")
    (folder / "sentences.txt").write_text(titles, "utf-8")
    for name, example_name in (("visits.csv", "visits.csv"), ("new-visits.csv", "heldout.csv")):
        table = (ROOT / "examples" / "multitask" / example_name).read_text("utf-8")
        (folder / name).write_text("".join(table.splitlines(keepends=True)[:401]), "utf-8")
    for path in sorted((ROOT / "examples" / "recommend").glob("*.tsv")):
        (folder / path.name).write_text(path.read_text("utf-8"), "utf-8")
    shutil.copy(ROOT / "examples" / "tutorial" / "make_log.py", folder)
    return folder


def short(line: str) -> str:
    """Return a command line, with its training made a short one; what stands there may go."""
    grows = r" --(append|update|remove)"
    line = re.sub(rf"dssm (export|index)(?= )(?!{grows})", r"\g<0> --overwrite", line)
    return re.sub(r"dssm train(-rec \S+)?(?= )", r"\g<0> --epochs 1 --overwrite", line)


def lines_to_run(page: str) -> list[str]:
    """Return the command lines of a page, and its Python programs as command lines.

    What blocks of the tutorial say is all run; elsewhere a line may speak of what is not there.
    """
    found = []
    for language, content in blocks(page):
        if language == "python":
            found.append(shlex.join([sys.executable, "-c", content]))
        elif page in TUTORIAL and not language:
            found.append("set -e\n" + "\n".join(map(short, content.splitlines())))
        elif language != "text":
            found += [short(line) for line in content.splitlines() if "dssm " in line]
    return found


@pytest.mark.parametrize("twins", [*TWINS, API])
def test_every_command_and_program_of_a_page_and_its_twin_runs(
    twins: tuple[str, str], desk: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    english, chinese = map(lines_to_run, twins)
    # What both have to the letter is run once.
    monkeypatch.chdir(desk)
    for line in [*english, *(line for line in chinese if line not in english)]:
        if re.fullmatch(r"dssm [^|<>&;$`*~#\n]*(#.*)?", line):
            # Needs no shell, and a process of its own would first import torch again.
            ran = dssm(*shlex.split(line, comments=True)[1:])
            assert ran.code == 0, f"{line}\n{ran.err}"
            continue
        done = subprocess.run(
            line,
            shell=True,
            env={**os.environ, "PATH": path},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr.decode()}"
    assert min(len(english), len(chinese)) >= (5 if twins in TWINS else 3)


@pytest.mark.parametrize(("english", "chinese"), [*TWINS, VECTORS])
def test_twins_show_the_same_commands_and_figures(english: str, chinese: str) -> None:
    def code(page: str) -> list[str]:
        lines = [line for _, content in blocks(page) for line in content.splitlines()]
        kept = [re.sub(r'\s+#.*|"[^"]*"', "", line).rstrip() for line in lines]
        return [line for line in kept if line]

    def figures(page: str) -> list[str]:
        return re.findall(r"\.\d{3}\b", (ROOT / page).read_text("utf-8"))

    assert code(english) == code(chinese)
    assert figures(english) == figures(chinese)


def test_the_page_of_commands_has_every_subcommand() -> None:
    written = (ROOT / "docs" / "commands.md").read_text("utf-8")
    logs = ("youtube-candidates", "youtube-ranking")
    for name in (*COMMANDS, *(f"train-rec {arch}" for arch in (*ARCHS, *logs))):
        assert f"\n## dssm {name}\n" in written


def test_a_training_on_a_page_is_made_short_whatever_it_trains() -> None:
    assert short("dssm train x && dssm train-rec mmoe y") == (
        "dssm train --epochs 1 --overwrite x && dssm train-rec mmoe --epochs 1 --overwrite y"
    )
    assert short("dssm index x && dssm index --remove y") == (
        "dssm index --overwrite x && dssm index --remove y"
    )


@pytest.mark.parametrize("page", ["commands.md", "api.md", "dssm.1"])
def test_a_page_made_from_the_code_is_current(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    build = importlib.import_module("build")
    assert page in build.PAGES and len(build.PAGES) == 3
    # Where lines break is up to the version of click.
    written = (ROOT / "docs" / page).read_text("utf-8").split()
    assert written == build.PAGES[page]().split(), "run: python docs/build.py"


def test_the_page_of_the_python_api_has_every_public_name() -> None:
    written = (ROOT / "docs" / "api.md").read_text("utf-8")
    for name in set(dssmcli.__all__) - {"__version__"}:
        assert f"\n### dssmcli.{name}\n" in written


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff here")
def test_the_manual_page_is_without_a_warning_and_says_how_commands_end() -> None:
    line = ["groff", "-man", "-ww", "-Tutf8", "-P-c", ROOT / "docs" / "dssm.1"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    shown = " ".join(re.sub(".\b", "", done.stdout).split())
    assert done.stderr == "" and "EXIT STATUS" in shown and "$DSSM_MODEL" in shown
    for said in ("zcat log.tsv.gz | dssm train --value clicks -o my-run -", "130 Interrupted"):
        assert said in shown


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_readme_names_every_command(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for command in COMMANDS:
        assert f"`dssm {command}" in text


@pytest.mark.parametrize(
    "page",
    [
        str(path.relative_to(ROOT))
        for path in sorted(ROOT.glob("**/*.md"))
        if not {".venv", "node_modules"} & set(path.parts)
    ],
)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text("utf-8")):
        if not target.startswith("http"):
            assert ((ROOT / page).parent / target).exists(), target


def test_the_tests_that_the_docs_name_exist() -> None:
    text = (ROOT / "docs" / "correctness.md").read_text("utf-8")
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    for name in re.findall(r"`(test_\w+)", text):
        assert f"def {name}" in tests, name
