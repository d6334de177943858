"""Semantic matching of short texts with models of the DSSM family, and recommenders.

>>> import dssmcli
>>> model = dssmcli.load("dssm-model")          # doctest: +SKIP
>>> vectors = model.encode(["a text", "another"])    # doctest: +SKIP
>>> vectors.shape, float(vectors[0] @ vectors[1])    # doctest: +SKIP
((2, 384), 0.2187)
>>> model.score("query", "title")                # doctest: +SKIP
0.8312

An index (`dssm index`) finds titles:

>>> index = dssmcli.load_index("dssm-index")     # doctest: +SKIP
>>> index.search(["query"], 1)                   # doctest: +SKIP
[[Hit(id='17', title='a title', score=0.8312)]]

A run of tables (`dssm train-rec`) predicts columns:

>>> shop = dssmcli.load_predictor("shop")        # doctest: +SKIP
>>> shop.predict({"device": ["phone"], "age": ["42"]})  # doctest: +SKIP
array([[0.0871, 4.2031]])

Runs of logs (`dssm train-rec youtube-candidates`, `youtube-ranking`) recommend items:

>>> recommender = dssmcli.load_recommender("candidates")   # doctest: +SKIP
>>> recommender.items_for([["i7", "i3"]], 2)     # doctest: +SKIP
[[('i4', 0.4127), ('i9', 0.3961)]]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dssmcli.serving.encoder import Encoder as Model
    from dssmcli.serving.loading import load
    from dssmcli.serving.predictor import Predictor, load_predictor
    from dssmcli.serving.recommender import Recommender, load_recommender
    from dssmcli.serving.search import Hit, Index, load_index

__version__ = "0.1.0"
__all__ = [
    "Hit",
    "Index",
    "Model",
    "Predictor",
    "Recommender",
    "__version__",
    "load",
    "load_index",
    "load_predictor",
    "load_recommender",
]


def __getattr__(name: str) -> Any:
    """Import the API when it is asked for: `import dssmcli` itself imports nothing heavy."""
    if name == "load":
        from dssmcli.serving.loading import load

        return load
    if name == "Model":
        from dssmcli.serving.encoder import Encoder

        return Encoder
    if name in ("Predictor", "load_predictor"):
        from dssmcli.serving import predictor

        return getattr(predictor, name)
    if name in ("Recommender", "load_recommender"):
        from dssmcli.serving import recommender

        return getattr(recommender, name)
    if name in ("Hit", "Index", "load_index"):
        from dssmcli.serving import search

        return getattr(search, name)
    raise AttributeError(f"module 'dssmcli' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
