"""Command lines whose data get a hint, and what is given when the hint is followed."""

from __future__ import annotations

from hint_lines import FIVE, NAMES, PAIRS, UNKNOWN, WORDS, Hint

READERS = {
    "train": f"train given.tsv {WORDS}",
    "check": "check given.tsv --as pairs",
    "eval": "eval -m d/t given.tsv --bootstrap 0",
    "mine": "mine -m d/t given.tsv --ranks 1-2",
    "report": "report d/t -o r.html --data given.tsv",
    "score": "score -m d/t --pairs given.tsv",
    "vocab": "vocab --pairs given.tsv",
}
VALUED = ["eval", "mine", "check", "report"]
MANY = "".join(f"red {i}\tshoes {i}{{}}\n" for i in range(12))
SHOWN = "".join(f"red {i // 3}\tshoes {i}\t{i % 2}\t{i % 3 + 1}\n" for i in range(30))


def _read(says: str, then: str, given: str, names: list[str], stays: bool = False) -> list[Hint]:
    """Return a hint of each of some commands that read pairs."""
    return [Hint(says, READERS[name], then, given, stays=stays) for name in names]


GRADES = "".join(f"red {i}\tshoes {i}\t{i % 5}\n" for i in range(30))
RATES = "query\ttitle\tclicks\n" + "".join(f"red {i}\tshoes {i}\t{i % 5 / 8}\n" for i in range(30))
BELOW = "".join(f"red {i}\tshoes {i}\t{i % 5 - 2}\n" for i in range(30))
STAMPS = "".join(f"red {i}\tshoes {i}\t{1700000000 + i}\n" for i in range(30))
NUMBERED = "".join(f"{i}\tred {i}\tshoes {i}\t{i % 2}\n" for i in range(30))
LABELLED = "".join(f"red {i}\t{i % 2}\n" for i in range(30))
ONE_MORE = "query\ttitle\tlabel\n" + NUMBERED
PRICED = "".join(f"red hat {i}\t{3 + i % 4}.99\n" for i in range(30))
CODED = "".join(f"red hat {i}\tu{1000 + i}\n" for i in range(30))
TWO_KINDS = "".join(
    f"query\ttitle\t{name}\n" + "".join(f"red {i}\tshoes {i}\t{i % 2 * top}\n" for i in range(12))
    for name, top in (("label", 1), ("grade", 5))
)
OF_PAIRS = (
    *_read(
        "- for one to leave out: --columns ", "--columns -,query,title,label", NUMBERED, [*READERS]
    ),
    *_read(
        " as R writes them. Say --columns -,", "--columns -,query,title,label", ONE_MORE, [*READERS]
    ),
    *_read(
        "; if these are texts, say --columns ",
        "--columns query,title",
        LABELLED,
        ["score", "vocab"],
    ),
    Hint(
        "every row has {} columns, and --columns names {}: ",
        f"train given.tsv {WORDS} -o r --columns query,title",
        "--columns query,title,-",
        "".join(f"red {i}\tshoes {i}\t7\n" for i in range(30)),
    ),
    Hint(
        "say --columns {}, or bring",
        "vocab --pairs given.tsv --columns query,title",
        "--columns query,title,-",
        "".join(f"red {i}\tshoes {i}\t7\n" for i in range(30)),
    ),
    Hint(
        " Say --columns {} (- leaves one out).",
        "index -m d/t given.tsv -o new",
        "--columns title,-",
        PRICED,
    ),
    Hint(
        " Say --columns {} (or {} to number titles by line).",
        "index -m d/t given.tsv -o new",
        "--columns title,id",
        CODED,
    ),
    *_read(
        "Or say what they hold: --columns ", "--columns query,title,value,-,-", FIVE, [*READERS]
    ),
    *_read("A header: say --header. ", "--header", NAMES, [*READERS]),
    *_read("A column that is no value: --columns ", "--columns query,title,-", NAMES, ["vocab"]),
    *_read("Say what the columns hold with", "--columns query,title,value", UNKNOWN, [*READERS]),
    Hint(
        "and their names do not tell which holds what. ",
        "eval -m d/t given.tsv --bootstrap 0 --header",
        "~--columns query,title,label,-,-",
        "a\tb\tc\td\te\n" + FIVE,
    ),
    Hint(
        "pairs: --as pairs",
        "check given.tsv",
        "~--as pairs --header",
        "user\titem\tclicked\n" + MANY.replace("{}", "\t1") + "a\tb\t0\n",
    ),
    Hint(
        "Say which is which: --columns ",
        "index -m d/t given.tsv -o new",
        "--columns id,title,-",
        "id\ttitle\tprice\n" + "".join(f"{i}\tred hat {i}\t{i * 3}\n" for i in range(9)),
    ),
    Hint(
        "If these are titles: --columns title.",
        "index -m d/t given.tsv -o new",
        "--columns title",
        "".join(f'{{"id": {i}, "title": "red hat {i}"}}\n' for i in range(9)),
    ),
    *_read(
        "If it is a row: --no-header.",
        "--no-header",
        "search_text\titem_name\n" + MANY.replace("{}", ""),
        ["check", "mine", "score", "vocab"],
    ),
    *_read(
        "looks like a header, and is read as a row. If it is one, say --header;",
        "--header",
        "src_txt\tdst_txt\n" + MANY.replace("{}", ""),
        ["mine", "score", "vocab"],
    ),
    *_read("Say --value clicks (a count", "--value clicks", GRADES, VALUED),
    *_read("Say --value clicks (a count", "--value grade", GRADES, ["train"]),
    *_read(
        "or name the column in a header line or with --columns ",
        "--columns query,title,clicks",
        GRADES,
        ["eval"],
    ),
    Hint(
        "clicks are counts. If these are rates or scores: --value grade",
        f"train given.tsv {WORDS} -o new",
        "--value grade",
        RATES,
    ),
    Hint(
        "Clicks are counts; if these are rates or scores: --value grade",
        "check given.tsv",
        "--value grade",
        RATES,
    ),
    *_read(
        "or take all as they are for {} with --value {}.",
        "--value grade",
        TWO_KINDS,
        VALUED,
    ),
    *_read(
        "If they are grades, train with --value grade --match-grade 1.",
        "--value grade --match-grade 1",
        "".join(f"red {i}\tshoes {i}\t{i % 3 - 1}\n" for i in range(30)),
        ["train"],
    ),
    *_read("Say --value grade if they are grades", "--value grade", BELOW, VALUED),
    *_read(
        "leave the column out with --columns query,title,-",
        "--columns query,title,-",
        STAMPS,
        VALUED,
    ),
    *_read("Else say --value clicks (a count", "--value clicks", STAMPS, ["eval"]),
    *_read(
        "(for labels of -1 and 1: --value label; for grades: --value ",
        "--value label",
        "query\ttitle\tclicks\n" + PAIRS.format("\t-1", "\t1"),
        VALUED,
    ),
    Hint(
        "If the third column holds the impressions: --columns query,title,impressions,clicks;",
        f"train given.tsv {WORDS} --value clicks",
        "--columns query,title,impressions,clicks",
        "red\tshoes\t9\t1\nblue\thats\t3\t0\nblue\tsocks\t5\t5\n",
    ),
    *_read(
        "If the last column is something else, leave it out: --columns query,title,value,-.",
        "--columns query,title,value,-",
        "red\tshoes\t0\t0\nblue\thats\t1\t2\n",
        VALUED,
    ),
    *_read(
        "not how often a title was shown. Leave it out with --columns query,title,value,-",
        "--columns query,title,value,-",
        SHOWN,
        VALUED,
    ),
    *_read(
        "or say that it is that with --columns ",
        "--columns query,title,value,impressions",
        SHOWN,
        ["eval"],
    ),
    *_read(
        "To skip such rows: --null-texts skip.",
        "--null-texts skip",
        MANY.replace("{}", "") + "NULL\tshoes\n",
        ["mine", "report"],
    ),
    Hint(
        "train with --null-texts skip to leave the rows out.",
        "check given.tsv",
        f"dssm train given.tsv {WORDS} --null-texts skip",
        MANY.replace("{}", "") + "NULL\tshoes\n",
    ),
    Hint(
        "To learn from them: --null-texts keep.",
        "check given.tsv --null-texts skip",
        "--null-texts keep",
        MANY.replace("{}", "") + "NULL\tshoes\n",
    ),
    Hint(
        "If it is one, say --header; if not, --no-header.",
        "check given.tsv",
        "--no-header",
        "src_txt\tdst_txt\n" + MANY.replace("{}", ""),
    ),
    Hint(
        "two columns, but --value {} needs a third.",
        "mine -m d/t d/two.tsv --value label --ranks 1-2",
        "dssm mine -m d/t d/two.tsv --ranks 1-2",
    ),
    Hint(
        "a label is {}, expected 0 or 1, or -1 and 1 (or --value grade).",
        "eval -m d/t given.tsv --bootstrap 0 --value label",
        "--value grade",
        GRADES,
    ),
    Hint(
        "leave out --value click, which takes every row as a click.",
        "mine -m d/t d/two.tsv given.tsv --value click --ranks 1-2",
        "dssm mine -m d/t d/two.tsv given.tsv --ranks 1-2",
        "query\ttitle\tclicks\n" + MANY.replace("{}", "\t2"),
    ),
    Hint(
        "How often a title was shown is not used: that goes with clicks (--value clicks).",
        "eval -m d/t given.tsv --bootstrap 0",
        "--value clicks",
        "query\ttitle\tlabel\timpressions\n" + MANY.replace("{}", "\t1\t3") + "a\tb\t0\t2\n",
    ),
    Hint(
        "Without --columns the header does.",
        "eval -m d/t given.tsv --bootstrap 0 --columns query,title,label",
        "dssm eval -m d/t given.tsv --bootstrap 0",
        "title\tquery\tlabel\n" + PAIRS.format("\t1", "\t0"),
    ),
    Hint(
        "to read {} of them whole, train with --max-units {}.",
        "check given.tsv",
        "--max-units 301",
        "".join(f"red {i}\t{i} {'shoes ' * 300}\t{i % 2}\n" for i in range(9)),
    ),
    Hint(
        "To read more: dssm train --max-units ",
        f"train given.tsv {WORDS} --max-units 5",
        "~--max-units 410",
        "".join(f"red {i}\t{i} {'a b c ' * 134}\t{i % 2}\n" for i in range(30)),
    ),
    *(
        Hint(
            "To read more: dssm train --max-units ",
            f"train given.tsv {WORDS} --tokenizer jieba --max-units 1",
            f"--max-units {units}",
            "".join(f"red {i}\t{text} {i}\t{i % 2}\n" for i in range(30)),
        )
        for text, units in (("手机 电话 " * 9, 57), ("thousands of words " * 3, 60))
    ),
    Hint(
        "train with --bad-rows skip; --rejects FILE keeps them.",
        "check given.tsv",
        f"dssm train given.tsv {WORDS} --bad-rows skip --rejects bad.tsv",
        MANY.replace("{}", "") + "alone\n",
    ),
    Hint(
        "If it is a title: --no-header.",
        "index -m d/t given.tsv -o new",
        "--no-header",
        "sku\tname\n1\tred hat\n2\tblue shoes\n",
    ),
    Hint(
        "expected a title, or an id and a title. Say which is which with --columns",
        "index -m d/t given.tsv -o new",
        "~--columns id,title,-",
        "1\tred hat\tx\n2\tblue shoes\ty\n",
    ),
    Hint(
        "--value click takes every row as a click, mined ones too",
        "mine -m d/t given.tsv --ranks 1-2 --value click",
        "~--value label",
        PAIRS.format("\t1", "\t0"),
    ),
)

NOT_FOLLOWED = {
    "Or say what they hold: --header --columns": "test_pair_files.py: a wide header",
    "is a name: --categorical {}.": "as other --categorical",
    "if each file has its own: --ignore": "test_file_spellings.py: followed",
    "`dssm check` tells more.": "a command, and no option",
    "For the titles alone: --columns": "test_index_changes.py: hints of titles alone",
    "in another order than --columns says": "test_index_changes.py: a header against --columns",
    "Say --columns if the columns hold something else.": "as other --columns",
    "with the same tokenizer ({}) writes them": "test_most_skipped.py: such a vocabulary",
    # what names an option or a command, and is no hint
    "Try '{} --help'.": "of every command",
    "python -m zipfile": "of python",
    "one of texts (`dssm train`)": "what a run is",
    "a multi-task model (`dssm": "what a run is",
    "one of candidate generation": "what a run is",
    "one of ranking (": "what a run is",
    "newer than this dssm reads": "no option",
    "{} is in the way: dssm": "no option",
    "--expert-units (or --bottom-units)": "a name in a difference",
    "the inner product is what `dssm score` prints": "of a README",
    "dssm export --onnx": "who wrote a file",
    "{} of --valid": "what is counted",
    "{} takes {} rows as unknown.": "what was asked for",
    "texts are in {}, which --tokenizer {} is not made for.": "with `Try`, which names others",
    "--task-weight: a task": "the beginning of a message",
    ".s{} { --c: {}; }": "a style",
    "Figures as `dssm eval` has them": "of a report",
    "`dssm eval -m A -m B` tests it.": "of a report",
    "the first of --ranks": "a name",
    "the last of --ranks": "a name",
    "(--bootstrap 0: not at all)": "of eval, which has it",
    "--format parquet": "what needs a package",
    "drawn by --seed": "what was done",
    "the one that `dssm train` would run": "what is listed",
    "there are {} GPUs, numbered from 0.": "no option but its own",
    # what other tests follow, or what needs a machine or hours
    "a smaller --batch-size": "memory at its end, followed nowhere",
    "Start afresh with --overwrite instead of --resume": "test_resume.py",
    "start afresh with --overwrite instead of --resume": "test_resume.py",
    "with --overwrite instead of --resume": "test_resume.py",
    "start afresh {}.": "test_resume.py",
    "or train this one anew {}": "test_resume.py",
    "Go on with the same command and --resume": "test_resume.py",
    "same command and --resume": "several machines, followed nowhere",
    "Give the same texts, or start afresh without --resume.": "test_encode.py",
    "{}an older dssm wrote these rows": "no option",
    "Start afresh without --resume.": "what was left of an encoding, followed nowhere",
    "go on from there with --resume.": "test_encode.py",
    "Give --pieces {} or more.": "above, with the number that it names",
    "sentencepiece learns none": "no texts, so nothing leads on",
    "--tune compares settings": "test_tune.py: many trainings",
    "the vectors have collapsed": "advice for a training: test_diagnosis.py has when it comes",
    "the loss rises": "advice for a long training, followed nowhere",
    "negatives, which the softmax has: --softmax 1": "test_diagnosis.py has when it comes",
    "more negatives: --random-negatives {}": "test_diagnosis.py has when it comes",
    "; or another --gamma than {}, from 10 to 25": "test_diagnosis.py has when it comes",
    "a --batch-size below {} has fewer of them": "test_diagnosis.py has when it comes",
    "a --query-cap{} fewer rows of a query": "test_diagnosis.py has when it comes",
    "fewer --epochs than {}, or ": "test_diagnosis.py has when it comes",
    "the loss does not fall": "advice for a long training, followed nowhere",
    "were solved from the start": "advice for a long training, followed nowhere",
    "so it is over-fitting": "advice for a long training, followed nowhere",
    "no epoch was better than": "advice for a long training, followed nowhere",
    "Try a lower --learning-rate.": "advice for a training: test_diagnosis.py has when it comes",
    "The graph would have": "a model of 2 GB",
    "not writing a page to a terminal": "a terminal, followed nowhere",
    "not writing binary data to a terminal": "a terminal, followed nowhere",
    "{} --threads 1.": "a process that ends: test_encode.py has when it comes",
    "Or leave out --prob.": "a run of older times, followed nowhere",
    "--bad-rows skip.": "above, test_what_is_said_of_a_bad_row_leads_on",
    "--bad-rows zero.": "above, test_what_is_said_of_a_bad_row_leads_on",
    "of --valid are among those trained on": "test_seen.py: validation that is apart",
    "on those validation says little": "test_seen.py: validation that is apart",
    "Measure on what followed, with --history.": "a warning, followed nowhere",
    "is dead: no task gives it": "advice for a training, followed nowhere",
    "One gate would do (--gate shared).": "advice for a training, followed nowhere",
    "the run has none to be seen on this data.": "test_plot.py: no option but its own",
    "nothing to draw.": "test_plot.py: no option but its own",
    "If it is counted in {}: --unit {}.": "as --unit of a training, above",
    "say by --clicked what counts as one.": "as is --clicked the right column",
    "If it is filled in when the label is known: --ignore": "as other --ignore",
    "Figures with it mean nothing: --ignore": "as other --ignore",
    "and --ignore columns that number the rows.": "as other --ignore",
    "If it is: --outcome": "as other --outcome",
    "If it is known only afterwards: --ignore {}.": "as other --ignore",
    "those of --lexical come to it": "help of an option",
    "(then --softmax and --logistic are 0)": "help of an option",
    "Without it: --ignore": "as other --ignore",
}
"""Parts of messages that are not followed here, and why."""
