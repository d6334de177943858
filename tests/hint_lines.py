"""Command lines that get a hint, and what is given when the hint is followed."""

from __future__ import annotations

from typing import NamedTuple

TINY = "--epochs 1 --batch-size 32 --threads 1 -o new"
WORDS = f"--arch cnn --dim 8 --filters 8 --embedding 8 --buckets 64 {TINY}"
TABLE = f"--tower-units 8 {TINY}"
LOG = f"--units 8 --embedding 8 {TINY}"


class Hint(NamedTuple):
    """says: a part of a message that stands so in the source, too.

    line: what gets the message; `given.tsv` is `given`, and `d` has the data and runs of `ground`
    in test_hints.py. then: what is added to the line, or behind `dssm ` the line that is given
    instead; it stands so in the message, but behind `~`, where the value is left to the user.
    code: how that ends. stays: whether the message stays, as it is about what was given.
    """

    says: str
    line: str
    then: str
    given: str = ""
    code: int = 0
    stays: bool = False


PAIRS = "red shoes\tshoes in red{}\nblue hat\thats in blue{}\n"
FIVE = PAIRS.format("\t1\tx\ty", "\t0\tx\ty")
NAMES = "foo\tbar\tbaz\n" + PAIRS.format("\t1", "\t0")
UNKNOWN = "query\ttitle\tfoo\n" + PAIRS.format("\t1", "\t0")

USAGE = (
    Hint(
        "a table needs what is to be predicted: --task COLUMN.",
        "check d/visits.csv --as table",
        "~--task bought",
    ),
    Hint(
        "-m brings its --tokenizer and --max-units: leave these out.",
        "check -m d/t --max-units 9 d/pairs.tsv",
        "dssm check -m d/t d/pairs.tsv",
    ),
    *(
        Hint(
            "--tokenizer sentencepiece learns its pieces from a log: name a run with -m instead.",
            f"{line} --tokenizer sentencepiece",
            f"dssm {line} -m d/t",
        )
        for line in ("check d/pairs.tsv", "tokenize hat")
    ),
    Hint(
        "is written with --format {}.",
        "encode -m d/t d/texts.txt -o v.csv",
        "--format tsv",
    ),
    Hint(
        "--resume needs a file to go on with: add -o FILE.",
        "encode -m d/t d/texts.txt --resume",
        "~-o v.npy",
    ),
    Hint(
        "is for texts, not for --side item or user.",
        "encode -m d/c --side item --shard 1/2",
        "dssm encode -m d/c --side item --format tsv",
    ),
    Hint(
        "--history is for runs of `dssm train-rec youtube-candidates`.",
        "eval -m d/t --history d/pairs.tsv d/pairs.tsv",
        "dssm eval -m d/t d/pairs.tsv",
    ),
    Hint(
        "exists. Write to another place with -o, or give --overwrite.",
        f"train d/pairs.tsv {WORDS} -o there/t",
        "--overwrite",
    ),
    Hint(
        "exists. Write to another place with -o, or give --overwrite.",
        f"train-rec mmoe d/visits.csv --task bought {TABLE} -o there/m",
        "~-o elsewhere",
    ),
    Hint(
        "exists. Write to another place with -o, or give --overwrite.",
        f"train-rec youtube-candidates d/watches.tsv --dim 8 {LOG} -o there/c",
        "--overwrite",
    ),
    Hint(
        "exists. Write to another place with -o, or give --overwrite.",
        f"train-rec youtube-ranking d/impressions.tsv {LOG} -o there/r",
        "--overwrite",
    ),
    Hint(
        "exists. Write to another place, or give --overwrite.",
        "export -m d/t --onnx there/onnx",
        "~--onnx elsewhere",
    ),
    Hint(
        "exists. Write to another place with -o, add to it with --append, or give",
        "index -m d/t d/titles.txt -o i",
        "--overwrite",
    ),
    Hint(
        "exists. Write to another place with -o, add to it with --append, or give",
        "index -m d/t d/titles.txt -o i",
        "dssm index --append -o i d/titles.txt",
    ),
    Hint(
        "is not an index, so it is not overwritten. Write elsewhere with -o.",
        "index -m d/t d/titles.txt -o given.tsv --overwrite",
        "~-o elsewhere",
        "text\n",
    ),
    Hint(
        "--exact has no lists, so no --recall: give one of them.",
        "index -m d/t d/titles.txt -o new --exact --recall .9",
        "dssm index -m d/t d/titles.txt -o new --exact",
    ),
    Hint(
        "--append refuses ids that are there, --update replaces: give one.",
        "index d/titles.txt -o i --append --update",
        "dssm index d/titles.txt -o i --append",
    ),
    Hint(
        "--overwrite starts afresh: it does not go with what adds or takes.",
        "index d/titles.txt -o i --append --overwrite",
        "dssm index d/titles.txt -o i --append",
    ),
    Hint(
        "an index keeps its own run and numbers: leave out -m and --dtype.",
        "index d/titles.txt -o i --append -m d/t",
        "dssm index d/titles.txt -o i --append",
    ),
    Hint(
        "its titles are known by their lines, so none can be replaced. Give --append.",
        "index d/titles.txt -o i --update",
        "dssm index d/titles.txt -o i --append",
    ),
    Hint(
        "Warning: no title has rank",
        "mine -m d/t d/pairs.tsv --ranks 90-99",
        "~--ranks 1-5",
    ),
    Hint(
        "--overwrite starts afresh, --resume goes on: give one of them.",
        f"train d/pairs.tsv {WORDS} --overwrite --resume",
        f"dssm train d/pairs.tsv {WORDS} --overwrite",
    ),
    Hint(
        "--rejects goes with --bad-rows skip.",
        "mine -m d/t d/pairs.tsv --rejects bad.tsv",
        "--bad-rows skip",
    ),
    Hint(
        "has another use here: name another file.",
        "mine -m d/t given.tsv --bad-rows skip --rejects given.tsv",
        "~--rejects bad.tsv",
        "red\tshoes in red\t1\nblue\thats in blue\t0\n",
    ),
    Hint(
        "is read: write elsewhere with -o.",
        "mine -m d/t given.tsv -o given.tsv",
        "~-o elsewhere.tsv",
        "red\tshoes in red\t1\nblue\thats in blue\t0\n",
    ),
    Hint("goes with --pairs.", "score -m d/t red hat --no-header", "dssm score -m d/t red hat"),
    Hint(
        "measures lists, and --exact has none: give one of them.",
        "index -m d/t d/titles.txt -o new --exact --queries d/texts.txt",
        "dssm index -m d/t d/titles.txt -o new --exact",
    ),
    Hint(
        "goes with TEXTS, and -m shows a run as it is.",
        "vocab -m d/t --no-fold-chinese",
        "dssm vocab -m d/t",
    ),
    Hint(
        "has its own tokenizer: give it or --tokenizer.",
        "tokenize -m d/t --tokenizer char red",
        "dssm tokenize --tokenizer char red",
    ),
    Hint(
        "has no effect beside --valid: give one of them.",
        f"train d/pairs.tsv {WORDS} --valid d/pairs.tsv --valid-share .2",
        f"dssm train d/pairs.tsv {WORDS} --valid d/pairs.tsv",
    ),
    Hint("goes with --data.", "report d/t -o r.html --rows 9", "~--data d/two.tsv"),
    Hint("goes with --data.", "report d/t -o r.html --columns query,title", "~--data d/two.tsv"),
    Hint(
        "--data stands once for runs of tables or logs.",
        "report d/m -o r.html --data d/visits.csv --data d/visits.csv",
        "dssm report d/m -o r.html --data d/visits.csv",
    ),
    Hint(
        "--history goes with --data and runs of `dssm train-rec youtube-candidates`.",
        "report d/c -o r.html --history d/watches.tsv",
        "~--data d/later.tsv",
    ),
    Hint(
        "pairs with labels, clicks or grades (--data PAIRS)",
        "plot d/t -o p.svg --kind map",
        "~--data d/pairs.tsv",
    ),
    Hint(
        "a table with the run's features and tasks (--data TABLE)",
        "plot d/m -o p.svg --kind roc",
        "~--data d/visits.csv",
    ),
    Hint(
        "watches that followed (--data LATER --history WATCHES)",
        "plot d/c -o p.svg --kind recall",
        "~--data d/later.tsv --history d/watches.tsv",
    ),
    Hint(
        "impressions that followed (--data LATER)",
        "plot d/r -o p.svg --kind heads",
        "~--data d/impressions.tsv",
    ),
    Hint(
        ": the run is {}, of which there are ",
        "plot d/t -o p.svg --kind gates",
        "dssm plot d/t -o p.svg --kind curves",
    ),
    Hint("--kind {} needs ", "plot d/m -o p.svg --kind gates", "~--data d/visits.csv"),
    Hint(
        "goes with --ranker DIR.",
        "recommend -m d/c d/watches.tsv --candidates 5",
        "~--ranker d/r",
    ),
    Hint(
        "give either two texts or --pairs, not both.",
        "score -m d/t red hat --pairs d/pairs.tsv",
        "dssm score -m d/t --pairs d/pairs.tsv",
    ),
    Hint(
        "--recall compares: it does not go with --exact or --min-score.",
        "search -i i --recall --exact hat",
        "dssm search -i i --recall hat",
    ),
    Hint(
        "--fold-chinese goes with --tokenizer: a run has its own setting.",
        "tokenize -m d/t --fold-chinese hat",
        "dssm tokenize --tokenizer auto --fold-chinese hat",
    ),
    Hint(
        "--tune cannot be resumed: give --tune or --resume.",
        f"train d/pairs.tsv {WORDS} --tune 1 --resume",
        f"dssm train d/pairs.tsv {WORDS}",
    ),
    *(
        Hint(f"--{name} goes with --pairs.", f"vocab d/two.tsv {line}", "--pairs")
        for name, line in (("columns", "--columns query,title"), ("header", "--no-header"))
    ),
    Hint(
        "-m shows a run as it is: leave out TEXTS and how to read them.",
        "vocab -m d/t d/texts.txt",
        "dssm vocab -m d/t",
    ),
    Hint("- for standard input, or -m RUN.", "vocab --words", "dssm vocab -m d/t"),
    Hint(
        "--words is for ",
        "vocab d/texts.txt --words --tokenizer char",
        "dssm vocab --pairs d/pairs.tsv --words --tokenizer sentencepiece --pieces 90",
    ),
    Hint(
        "its tokenizer has no list of words. Leave out --words.",
        "vocab -m d/t --words",
        "dssm vocab -m d/t",
    ),
    Hint(
        "no negatives: give --random-negatives, or leave --in-batch on.",
        f"train d/pairs.tsv {WORDS} --no-in-batch --softmax 1 --random-negatives 0",
        "~--random-negatives 2",
    ),
    Hint(
        "no such run{}. Train one: `dssm train PAIRS -o {}`",
        "score -m new red hat",
        f"dssm train d/pairs.tsv {WORDS}",
    ),
    Hint(
        "no such index{}. Make one: `dssm index TITLES -o {}`",
        "search -i new hat",
        "dssm index -m d/t d/titles.txt -o new",
    ),
    Hint(
        "expected an index, the file that `dssm index TITLES` writes.",
        "search -i d/t hat",
        "dssm index -m d/t d/titles.txt -o new",
    ),
    Hint(
        ", expected the file that `dssm index TITLES` writes.",
        "search -i d/pairs.tsv hat",
        "dssm search -i i hat",
    ),
    Hint(
        "dssm score --pairs FILE",
        "score -m d/t given.tsv hat",
        "dssm score -m d/t --pairs given.tsv",
        PAIRS.format("", ""),
    ),
    Hint(
        "dssm tokenize - < FILE",
        "tokenize -m d/t given.tsv",
        "dssm tokenize -m d/t -",
        PAIRS.format("", ""),
    ),
    Hint(
        "dssm search - < FILE",
        "search -i i given.tsv",
        "dssm search -i i -",
        PAIRS.format("", ""),
    ),
    Hint("Search it: dssm search -i FILE QUERY", "encode -m d/t i", "dssm search -i i hat"),
    Hint(
        "so it has no gates. Train one that has some: dssm train-rec mmoe TABLE --task COLUMN.",
        "gates -m d/s d/visits.csv",
        f"dssm train-rec mmoe d/visits.csv --task bought {TABLE}",
    ),
    Hint(
        "choose npy or parquet.",
        "encode -m d/t d/texts.txt --format f32 --dtype float16 -o v",
        "~--format npy",
    ),
    Hint(
        "ask for those of queries with --side query, of titles with --side title.",
        "encode -m d/two d/texts.txt -o v.npy",
        "--side query",
    ),
    Hint(
        "ask for those of queries with --side query, of titles with --side title.",
        "export -m d/two --onnx new --side text",
        "--side title",
    ),
    Hint(
        "Warning: too narrow for what is written in it; give a larger --width.",
        "plot d/t -o p.svg --kind curves --width 1",
        "~--width 9",
    ),
    Hint(
        "is for --tokenizer {}, not for ",
        "vocab --pairs d/pairs.tsv --pieces 90",
        "--tokenizer sentencepiece",
    ),
    Hint(
        "times or more: lower --min-count, or give texts with letters or digits.",
        "vocab d/texts.txt --min-count 999",
        "~--min-count 1",
    ),
    Hint(
        "so it is not overwritten. Write elsewhere with -o.",
        f"train d/pairs.tsv {WORDS} -o d --overwrite",
        "~-o elsewhere",
    ),
)
