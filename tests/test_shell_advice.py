"""Shell commands that messages advise: each is run, and what it writes is given instead."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import Dssm

TAGS = [f'<p class="x">red lamp {i}</p>' for i in range(9)]
ENTITIES = [f"salt &amp; pepper &#39;{i}&#39; &amp;lt;b&amp;gt;" for i in range(9)]


class Advice(NamedTuple):
    """A file that a command line has something to say of: a part of it, the command that is
    advised (a pattern), and the first line of what this writes."""

    lines: list[str]
    words: tuple[str, ...]
    says: str
    command: str
    first: str


def judged(*words: str, head: str = "", end: str = "") -> list[str]:
    rows = [f"red lamp {i}\tlamp {i} red\t{words[i % len(words)]}{end}" for i in range(30)]
    return [head, *rows] if head else rows


PYTHON, AWK = r"python3 -c \".*?\" < FILE > NEW", r"awk .*? FILE > NEW"
EVAL = ("eval", "--bootstrap", "0")
ADVICE = {
    "tags": Advice(TAGS, ("encode",), "tags of HTML", PYTHON, " red lamp 0 "),
    "tags in titles": Advice(TAGS, ("index", "-o", "new"), "tags of HTML", PYTHON, " red lamp 0 "),
    "entities": Advice(ENTITIES, ("encode",), "tags of HTML", PYTHON, "salt & pepper '0'  "),
    "tags of pairs": Advice(
        [f"<b>red</b> lamp\tx &#9; {tag}\t{i % 2}" for i, tag in enumerate(TAGS)],
        EVAL,
        "tags of HTML",
        PYTHON,
        " red  lamp\tx    red lamp 0 \t0",
    ),
    "entailment": Advice(
        judged("contradiction", "neutral", "ENTAILMENT"),
        EVAL,
        'If "ENTAILMENT" is a match, 1 for it, 0 for the others',
        AWK,
        "red lamp 0\tlamp 0 red\t0",
    ),
    "below a header": Advice(
        judged("not_entailment", "entailment", "NULL", head="query\ttitle\tlabel", end=" \r"),
        (*EVAL, "--bad-rows", "skip"),
        'If "entailment" is a match, 1 for it, 0 for the other',
        AWK,
        "query\ttitle\tlabel",
    ),
    "several known": Advice(
        judged("Irrelevant", "partially relevant", "relevant"),
        EVAL,
        'If "relevant" is a match',
        AWK,
        "red lamp 0\tlamp 0 red\t0",
    ),
    "nothing known": Advice(
        judged("it's", "blue"),
        EVAL,
        "Choose the word that is a match, w below; 1 for it, 0 for the other",
        AWK,
        "red lamp 0\tlamp 0 red\t1",
    ),
}


@pytest.mark.parametrize("name", ADVICE)
def test_a_command_that_is_advised_leads_on(
    name: str, run: Path, tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    advice = ADVICE[name]
    Path("FILE").write_text("\n".join(advice.lines) + "\n", "utf-8", newline="")
    line = (advice.words[0], "-m", run, *advice.words[1:])
    told = dssm(*line, "FILE").err
    assert advice.says in told, told
    command = re.search(advice.command, told)
    assert command is not None, told
    subprocess.run(command[0], shell=True, check=True)
    assert Path("NEW").read_text("utf-8").splitlines()[0] == advice.first
    Path("new").unlink(missing_ok=True)
    done = dssm(*line, "NEW")
    assert done.code == 0 and advice.says not in done.err, done


def test_what_score_prints_is_read_again_by_the_columns_it_names(
    run: Path, tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for head in ("", "query\ttitle\tlabel"):
        Path("given.tsv").write_text("\n".join(judged("1", "0", head=head)) + "\n")
        for options in ((), ("--prob",), ("--match",), ("--match", "--prob")):
            scored = dssm("score", "-m", run, "--pairs", "given.tsv", *options, "-q").out
            Path("scored.tsv").write_text(scored)
            done = dssm("score", "-m", run, "--pairs", "scored.tsv", "-q")
            if done.code:
                columns = re.search(r"--columns [a-z,-]+", done.err)
                assert columns is not None, done
                words = columns[0].removesuffix(".").split()
                done = dssm("score", "-m", run, "--pairs", "scored.tsv", "-q", *words)
            assert done.code == 0 and done.out.count("\n") == scored.count("\n"), done
            assert done.out.splitlines()[-1].startswith(scored.splitlines()[-1]), done
