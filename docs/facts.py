"""What is true of every command, for the pages made of them: exit codes, environment, files."""

from __future__ import annotations

from dssmcli.errors import (
    EXIT_BAD_DATA,
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    EXIT_USAGE,
)
from dssmcli.run import DEFAULT_NAME, ENVIRONMENT_VARIABLE
from dssmcli.serving import search

EXIT_CODES = {
    str(EXIT_DONE): "Done; also when a pipe is closed by its reader (`| head`).",
    str(EXIT_FAILED): (
        "Failed: an output that cannot be written or is there already, a package that is missing, "
        "a loss that is no longer a number, too little memory."
    ),
    str(EXIT_USAGE): "Wrong usage: an option, or a setting with a value that cannot be used.",
    str(EXIT_BAD_DATA): (
        "Bad data: an input that is missing or malformed, or a run or index that is missing, "
        "damaged, or newer than the program. Of `dssm check`: an error among its findings."
    ),
    str(EXIT_INTERRUPTED): "Interrupted (Ctrl-C).",
    str(EXIT_TERMINATED): "Terminated (SIGTERM).",
}
ENVIRONMENT = {
    ENVIRONMENT_VARIABLE: "The run to use where `-m` names none.",
    search.ENVIRONMENT_VARIABLE: "The index to search where `-i` names none.",
    "NO_COLOR": "If set, and not empty, no colours on a terminal.",
    "TMPDIR": "Where temporary files go; those of a training lie beside its run.",
    "_DSSM_COMPLETE": "Set by shell completion alone.",
}
THREADS = (
    "Processor threads are what `--threads` says, else all that the process may use (`taskset` "
    "limits these); `OMP_NUM_THREADS` need not be set."
)
FILES = {
    f"./{DEFAULT_NAME}/": "The run that is written and used where none is named: a folder.",
    f"./{search.DEFAULT_NAME}": "The index that is written and searched where none is named.",
    "RUN.partial/": "Beside a run: the state of its training, for `--resume`. Goes when it ends.",
    "RUN.trials.tsv": "Beside a run: what `dssm train --tune` tried.",
    ".NAME.partial, .NAME.partial.json": "Beside an output of `dssm encode -o`: what it has so "
    "far, for `--resume`.",
}
