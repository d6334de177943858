"""Semantic matching of short texts with models of the DSSM family.

>>> import dssmcli
>>> model = dssmcli.load("dssm-model")          # doctest: +SKIP
>>> model.encode(["a text", "another"]).shape    # doctest: +SKIP
(2, 128)
>>> model.score("query", "title")                # doctest: +SKIP
0.8312
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dssmcli.serving.encoder import Encoder as Model
    from dssmcli.serving.loading import load

__version__ = "0.1.0"
__all__ = ["Model", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """Import the API when it is asked for: `import dssmcli` itself imports nothing heavy."""
    if name == "load":
        from dssmcli.serving.loading import load

        return load
    if name == "Model":
        from dssmcli.serving.encoder import Encoder

        return Encoder
    raise AttributeError(f"module 'dssmcli' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
