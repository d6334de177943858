"""Other tools, each as the few lines one would write to encode a file of texts to a .npy file.

    python benchmarks/peers.py NAME MODEL TEXTS VECTORS.npy

`speed.py` times these as whole processes, and leaves out those that are not installed. fastText and
gensim learn their model from the very texts first, outside the timing, split into units before as
they need it (Chinese by character); model2vec and sentence-transformers need a model from
elsewhere: --peer-model NAME=FOLDER.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

MODULES = {
    "fasttext": "fasttext",
    "gensim": "gensim",
    "model2vec": "model2vec",
    "sentence-transformers": "sentence_transformers",
}
LEARNING = ("fasttext", "gensim")


def installed(name: str) -> bool:
    """Tell whether a peer can be imported."""
    return importlib.util.find_spec(MODULES[name]) is not None


def learn(name: str, texts: Path, model: Path) -> None:
    """Let a peer learn vectors of 128 dimensions from split texts."""
    if name == "fasttext":
        import fasttext

        fasttext.train_unsupervised(
            str(texts), dim=128, epoch=1, bucket=200_000, minCount=1, thread=2, verbose=0
        ).save_model(str(model))
    else:
        from gensim.models import Word2Vec

        lines = [line.split() for line in texts.read_text("utf-8").splitlines()]
        Word2Vec(lines, vector_size=128, epochs=1, min_count=1, workers=2).wv.save(str(model))


def encode(name: str, model: str, texts: str, out: str) -> None:
    """Encode a file."""
    import numpy as np

    with open(texts, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    if name == "fasttext":
        import fasttext

        fasttext.FastText.eprint = lambda _: None
        loaded = fasttext.load_model(model)
        vectors = np.stack([loaded.get_sentence_vector(line) for line in lines])
    elif name == "gensim":
        from gensim.models import KeyedVectors

        words = KeyedVectors.load(model, mmap="r")
        vectors = np.stack([words.get_mean_vector(line.split() or [""]) for line in lines])
    elif name == "model2vec":
        from model2vec import StaticModel

        vectors = StaticModel.from_pretrained(model).encode(lines)
    else:
        from sentence_transformers import SentenceTransformer

        vectors = SentenceTransformer(model, device="cpu").encode(lines, batch_size=256)
    np.save(out, vectors)


if __name__ == "__main__":
    encode(*sys.argv[1:])
