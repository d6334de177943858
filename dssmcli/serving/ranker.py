"""Ranking (placeholder while it is being written)."""

from __future__ import annotations

from typing import Any


class Ranker:
    """To come."""

    figures: tuple[str, ...] = ()

    def rank(self, *_: Any) -> Any:
        """To come."""


def load_ranker(path: str) -> Ranker:
    """To come."""
    raise NotImplementedError(path)
