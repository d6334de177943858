"""Learns the pieces of sentencepiece's unigram model from texts."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dssmcli.errors import DataError
from dssmcli.text.words import Words

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

Ints = npt.NDArray[np.int64]

PIECES = 8000
"""So many pieces at most, unless the user wants another number."""

_MOST_TEXTS = 1_000_000
_UNKNOWN_PENALTY = np.float32(10)  # sentencepiece's kUnkPenalty
_OPTIONS: dict[str, Any] = {
    "model_type": "unigram",
    "normalization_rule_name": "identity",  # the texts are normalised already
    "hard_vocab_limit": False,  # a small log has fewer pieces
    # Rare characters get no piece: they are units of their own, by their own features.
    "character_coverage": 0.9995,
    "max_sentence_length": 1 << 24,
    "bos_id": -1,
    "eos_id": -1,
    # What is learned depends on the number of threads, and must not depend on the machine.
    "num_threads": 1,
    "minloglevel": 2,
}

_TOO_FEW = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")


def sampled(rows: Ints, seed: int) -> Ints:
    """Return the rows to learn from: all, or as many as can be learned from in some minutes."""
    if len(rows) <= _MOST_TEXTS:
        return rows
    random = np.random.default_rng([seed, 4])
    return np.sort(random.choice(rows, _MOST_TEXTS, replace=False))


def trained_pieces(texts: Iterable[str], pieces: int) -> Words:
    """Return the pieces learned from texts, which are runs joined by spaces; DataError if none."""
    import sentencepiece

    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=written, vocab_size=pieces, **_OPTIONS
        )
    except RuntimeError as error:
        raise DataError(_no_pieces(pieces, str(error))) from error
    return _words(sentencepiece.SentencePieceProcessor(model_proto=written.getvalue()))


def _no_pieces(pieces: int, said: str) -> str:
    """Return why there are no such pieces, given what sentencepiece says, which is for programs."""
    needed = _TOO_FEW.search(said)
    if needed is not None:
        return (
            f"--pieces {pieces:,}: these texts have {int(needed[1]):,} characters that need a "
            f"piece each. Give --pieces {needed[1]} or more."
        )
    return (
        f"--pieces {pieces:,}: sentencepiece learns none from these texts. Give more texts or "
        "another --tokenizer."
    )


def _words(model: SentencePieceProcessor) -> Words:
    normal = [
        each
        for each in range(model.get_piece_size())
        if not model.is_control(each) and not model.is_unknown(each)
    ]
    scores = tuple(model.get_score(each) for each in normal)
    unlisted = np.float32(min(scores)) - _UNKNOWN_PENALTY
    return Words(tuple(model.id_to_piece(each) for each in normal), scores, float(unlisted))
