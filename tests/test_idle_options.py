"""An option that would do nothing where it is given is refused, not ignored."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Dssm, write_pairs

LINES = (
    *(f"report RUN -o r.html {option}" for option in ("--rows 9", "--seed 2", "--bad-rows skip")),
    "plot RUN --kind curves -o c.svg --threads 1",
    *("score -m RUN red hat --columns title,query", "score -m RUN red hat --bad-rows skip"),
    *("search -i i red --bad-rows skip", "index -o i --remove t.txt --columns title"),
    *("index -o i --remove t.txt --header", "index -m RUN t.txt -o i --exact --queries t.txt"),
    *("vocab -m RUN --no-fold-chinese", "vocab -m RUN --bad-rows skip"),
    *("tokenize -m RUN --tokenizer char red", "train p.tsv --valid p.tsv --valid-share .2"),
    "train-rec mmoe t.csv --task y --valid t.csv --valid-share .2",
    "train-rec youtube-candidates w.tsv --valid w.tsv --valid-share .2",
    "train-rec youtube-ranking w.tsv --valid w.tsv --valid-share .2",
)


def test_options_that_would_do_nothing_are_refused(
    run: Path, tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pairs(Path("p.tsv"), 20)
    Path("t.txt").write_text("red\n")
    for line in LINES:
        done = dssm(*(str(run) if word == "RUN" else word for word in line.split()))
        assert done.code == 2 and done.err.count("\n") == 1, (line, done)
        assert line.split()[-2] in done.err or line.split()[-1] in done.err or "-m" in line, done
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.tsv", "t.txt"]
