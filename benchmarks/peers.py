"""Other tools, each as the few lines one would write with it.

    python benchmarks/peers.py encode NAME MODEL TEXTS VECTORS.npy
    python benchmarks/peers.py score NAME MODEL TEXT TEXT
    python benchmarks/peers.py train PAIRS.tsv STEPS

`speed.py` times these as whole processes, and leaves out those that are not installed. fastText and
gensim learn their model from the very texts first, outside the timing, split into units before as
they need it (Chinese by character); model2vec and sentence-transformers need a model from
elsewhere: --peer-model NAME=FOLDER. Training is that of sentence-transformers' StaticEmbedding, a
mean of word vectors, by its MultipleNegativesRankingLoss; the seconds printed are of the steps.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

MODULES = {
    "fasttext": "fasttext",
    "gensim": "gensim",
    "model2vec": "model2vec",
    "sentence-transformers": "sentence_transformers",
}
LEARNING = ("fasttext", "gensim")
_DIM, _BATCH, _WORDS = 128, 512, 8000

Encode = Callable[[list[str]], Any]


def installed(name: str) -> bool:
    """Tell whether a peer can be imported."""
    return importlib.util.find_spec(MODULES[name]) is not None


def split(text: str) -> str:
    """Return a text's units with spaces between, as those that learn from words need it."""
    from dssmcli.text.normalize import normalize
    from dssmcli.text.tokenizers import TOKENIZERS

    return " ".join(TOKENIZERS["auto"].cut(normalize(text)))


def learn(name: str, texts: Path, model: Path, epochs: int = 1) -> None:
    """Let a peer learn vectors of 128 dimensions from split texts."""
    if name == "fasttext":
        import fasttext

        fasttext.train_unsupervised(
            str(texts), dim=_DIM, epoch=epochs, bucket=200_000, minCount=1, thread=2, verbose=0
        ).save_model(str(model))
    else:
        from gensim.models import Word2Vec

        lines = [line.split() for line in texts.read_text("utf-8").splitlines()]
        Word2Vec(lines, vector_size=_DIM, epochs=epochs, min_count=1, workers=2).wv.save(str(model))


def encoder(name: str, model: str) -> Encode:
    """Return what makes vectors (N, D) of N texts."""
    import numpy as np

    if name == "fasttext":
        import fasttext

        fasttext.FastText.eprint = lambda _: None
        loaded = fasttext.load_model(model)
        return lambda texts: np.stack([loaded.get_sentence_vector(text) for text in texts])
    if name == "gensim":
        from gensim.models import KeyedVectors

        words = KeyedVectors.load(model, mmap="r")
        return lambda texts: np.stack([words.get_mean_vector(t.split() or [""]) for t in texts])
    if name == "model2vec":
        from model2vec import StaticModel

        static: Encode = StaticModel.from_pretrained(model).encode
        return static
    from sentence_transformers import SentenceTransformer

    transformer = SentenceTransformer(model, device="cpu")
    return lambda texts: transformer.encode(texts, batch_size=256)


def encode(name: str, model: str, texts: str, out: str) -> None:
    """Encode a file of texts."""
    import numpy as np

    with open(texts, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    np.save(out, encoder(name, model)(lines))


def score(name: str, model: str, first: str, second: str) -> None:
    """Print the cosine of two texts."""
    import numpy as np

    a, b = encoder(name, model)([first, second])
    print(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))


def static(texts: Iterable[str]) -> Any:
    """Return an untrained StaticEmbedding whose WordPieces are learned from the texts."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import BertWordPieceTokenizer

    words = BertWordPieceTokenizer()
    words.train_from_iterator(texts, _WORDS, show_progress=False)
    words.no_padding()
    embedding = StaticEmbedding(words._tokenizer, embedding_dim=_DIM)
    return SentenceTransformer(modules=[embedding], device="cpu")


def take_steps(model: Any, batches: Iterable[list[tuple[str, str]]]) -> None:
    """Train a model of sentence-transformers, a step a batch of matching pairs."""
    import torch
    from sentence_transformers.losses import MultipleNegativesRankingLoss

    loss_of = MultipleNegativesRankingLoss(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for batch in batches:
        features = [model.tokenize(list(side)) for side in zip(*batch, strict=True)]
        optimizer.zero_grad()
        loss_of(features, torch.empty(0)).backward()
        optimizer.step()


def train(file: str, steps: str) -> None:
    """Train a StaticEmbedding on pairs whose value is above 0; print the seconds of all steps."""
    import torch

    torch.set_num_threads(2)
    rows = [line.split("\t") for line in Path(file).read_text("utf-8").splitlines()]
    pairs = [(row[0], row[1]) for row in rows if float(row[2]) > 0]
    model = static(text for pair in pairs for text in pair)
    began = time.perf_counter()
    take_steps(model, islice(_batches(pairs), int(steps)))
    print(time.perf_counter() - began)


def _batches(pairs: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    for first in cycle(range(0, len(pairs) - _BATCH, _BATCH)):
        yield pairs[first : first + _BATCH]


if __name__ == "__main__":
    works: dict[str, Callable[..., None]] = {"encode": encode, "score": score, "train": train}
    works[sys.argv[1]](*sys.argv[2:])
