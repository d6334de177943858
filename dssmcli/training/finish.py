"""Makes the files of a run out of a trained state, and checkpoints out of one in training."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from dssmcli import calibration, metrics
from dssmcli.config import DEVICE_SETTINGS, to_dict
from dssmcli.errors import ConfigError
from dssmcli.run import CHINESE, TEXT, VOCABULARY, WORDS, Run
from dssmcli.text.chinese import shipped_text
from dssmcli.training.checkpoint import from_bytes, to_pieces
from dssmcli.training.contents import contents_of, restoring
from dssmcli.training.resuming import check_finished, check_same
from dssmcli.training.task import TextTask
from dssmcli.training.text import TextState, new_state
from dssmcli.training.validation import Scores, threshold_scores

_LEXICAL = "lexical."
_OTHER = (
    "--resume: the {} differs from that of before. Give the same data and settings, or start "
    "afresh with --overwrite instead of --resume."
)
_AGAINST = {"labelled": "labelled rows that are no match"}
"""What a calibrated probability sets a match against, where the negatives' name does not say it."""


def run_contents(task: TextTask, state: TextState) -> dict[str, bytes]:
    """Return the files of the run: the weights that validated best, and all that goes with them."""
    state.model.load_weights(state.best_weights)
    weights = state.best_weights
    settings = _settings(task)
    if _says_nothing(weights):
        # Vectors without it are shorter, and compare alike.
        weights = {name: w for name, w in weights.items() if not name.startswith(_LEXICAL)}
        settings["model"] = to_dict(replace(task.model, lexical=0))
        settings["left_out"] = {"model": {"lexical": task.model.lexical}}
    scores = threshold_scores(task, state.model)
    told = {
        **settings,
        "threshold": _threshold(task, scores),
        "calibration": _calibration(task, scores),
    }
    return contents_of(TEXT, told, state, weights, _texts(task), task.fingerprint)


def _texts(task: TextTask) -> dict[str, str]:
    """Return the files of a run that the data alone decide."""
    texts = {VOCABULARY: task.vocabulary.to_text()}
    if task.words is not None:
        texts[WORDS] = task.words.to_text()
    if task.model.text.fold_chinese:
        texts[CHINESE] = shipped_text()
    return texts


def check_finished_run(task: TextTask, run: Run) -> None:
    """Raise ConfigError unless the run is what training on this task would end with."""
    settings = _decisive(task)
    if not run.config().get("model", {}).get("lexical") and "left_out" not in run.config():
        # It was off, or a program that did not write this down has left it out.
        del settings["model"]["lexical"]
    check_finished(run, TEXT, settings, _texts(task))


def _says_nothing(weights: Mapping[str, Tensor]) -> bool:
    """Tell whether there is a lexical part, of no consequence to any cosine."""
    share, powers = weights.get(f"{_LEXICAL}share"), weights.get(f"{_LEXICAL}powers")
    return share is not None and powers is not None and not share.any() and not powers.any()


def _settings(task: TextTask) -> dict[str, Any]:
    """Return everything that decides what a training ends with."""
    data: dict[str, Any] = {
        "kind": task.train.kind,
        "sha256": task.train.digest,
        "rows": len(task.train),
        "valid_rows": 0 if task.valid is None else len(task.valid),
        "valid_sha256": None if task.valid is None else task.valid.digest,
        "texts": task.train.texts,
    }
    if task.train.kind == "grade":
        data["match_grade"] = task.match_grade
        data["highest_grade"] = float(task.train.value.max())
    return {
        "model": to_dict(task.model),
        "loss": to_dict(task.loss),
        "train": to_dict(task.config),
        "data": data,
    }


def fingerprint(task: TextTask) -> bytes:
    """Return what must be the same where several processes train one model."""
    words = None if task.words is None else task.words.digest
    return json.dumps([_decisive(task), task.vocabulary.digest, words], sort_keys=True).encode()


def _decisive(task: TextTask) -> dict[str, Any]:
    """Return the settings that a training cannot be resumed without."""
    settings = _settings(task)
    for name in DEVICE_SETTINGS:
        del settings["train"][name]
    settings["data"].pop("highest_grade", None)  # the rows decide it, and older runs lack it
    return settings


def _threshold(task: TextTask, scores: Scores) -> dict[str, Any] | None:
    """Choose the cosine from which a pair is a match; None where nothing can be told apart."""
    if not scores.can_be_told_apart:
        return None
    value = metrics.best_threshold(scores.cosines, scores.positive)
    report = metrics.at_threshold(scores.cosines, scores.positive, value)
    return {
        "value": float(np.clip(value, -1.0, 1.0)),
        "chosen_on": _chosen_on(task),
        "negatives": scores.negatives,
        "accuracy": round(report.accuracy, 6),
        "f1": round(report.f1, 6),
    }


def _calibration(task: TextTask, scores: Scores) -> dict[str, Any] | None:
    """Fit probabilities to the rows of the threshold; None where nothing can be told apart."""
    if not scores.can_be_told_apart:
        return None
    found = calibration.fit_calibration(scores.cosines, scores.positive)
    chance = found.probability(scores.cosines)
    losses = calibration.log_losses(chance, scores.positive)
    return {
        **found._asdict(),
        "fitted_on": _chosen_on(task),
        "against": _AGAINST.get(scores.negatives, scores.negatives),
        "log_loss": round(float(losses.mean()), 6),
        "ece": round(calibration.calibration_error(chance, scores.positive), 6),
    }


def _chosen_on(task: TextTask) -> str:
    return "validation" if task.valid is not None else "training"


def checkpoint(task: TextTask, state: TextState) -> Iterator[bytes | memoryview]:
    """Yield the pieces of a file with all that is needed to go on from an evaluation."""
    held = {
        "settings": _settings(task),
        "vocabulary": task.vocabulary.digest,
        "words": None if task.words is None else task.words.digest,
    }
    return to_pieces(state.groups(), held | state.progress())


def resumed_state(task: TextTask, content: bytes, where: str) -> TextState:
    """Return the state a checkpoint holds; ConfigError when the task is not the one it was of."""
    groups, saved = from_bytes(content, where)
    with restoring(where):
        check_same(saved["settings"], _decisive(task))
        if saved["vocabulary"] != task.vocabulary.digest:
            raise ConfigError(_OTHER.format("vocabulary"))
        if task.words is not None and saved["words"] != task.words.digest:
            raise ConfigError(_OTHER.format("list of words"))
        state = new_state(task)
        state.restore(groups, saved)
    return state
