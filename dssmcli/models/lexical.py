"""The lexical part of a vector: what two texts share, feature by feature (not in the papers)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dssmcli.config import PLAIN, SIDES
from dssmcli.models.layers import TorchBlock
from dssmcli.text.projection import Projection
from dssmcli.text.vocab import PAD

USUAL_SHARE = 0.25
"""The lexical share to start from, and to keep to where little speaks for another."""


class Lexical(nn.Module):
    """Adds a fixed part to the towers' vectors, so that one cosine says both how alike two texts
    mean and what they share.

    A vector is [sqrt(share) lexical ; sqrt(1 - share) semantic ; room of queries ; of titles]. The
    lexical part is the sum of the projected features of a text's distinct units, each times its
    weight, an inverse document frequency to some power. Both parts are then as long as a power of
    the lexical sum's own length says: with a power above 0 a title that says more scores higher,
    which undoes part of a cosine's division by length, as pivoted normalisation does (Singhal,
    Buckley & Mitra, SIGIR 1996). What is missing to length 1 fills a dimension of the text's side,
    where the other side has 0.

    Nothing here is learned by gradients: `training.lexical` chooses from training rows, the share
    is what validates best, and powers are 0 unless validation is better with them.
    """

    weight: Tensor  # (V,)
    share: Tensor  # (1,), from 0 to 1
    powers: Tensor  # (2,), of queries and titles, from -1 to 1
    lengths: Tensor  # (2,), the shortest and the longest lexical sum that count
    signs: Tensor  # (V, L), not stored

    def __init__(self, dims: int, rows: int) -> None:
        super().__init__()
        self.dims = dims
        self.register_buffer("weight", torch.ones(rows))
        self.register_buffer("share", torch.full((1,), USUAL_SHARE))
        self.register_buffer("powers", torch.zeros(2))
        self.register_buffer("lengths", torch.tensor([1.0, 1.0]))
        signs = torch.from_numpy(Projection(dims).rows(np.arange(rows)))
        self.register_buffer("signs", signs, persistent=False)

    @torch.no_grad()
    def sums(self, block: TorchBlock) -> Tensor:
        """Return the lexical sums (B, L) of texts, of whatever length."""
        units = F.embedding_bag(
            block.features,
            self.signs,
            block.starts,
            mode="sum",
            per_sample_weights=self.weight[block.features],
        )
        return F.embedding_bag(_once(block.units), units, mode="sum", padding_idx=PAD)

    @torch.no_grad()
    def scale(self, norms: Tensor, side: str) -> Tensor:
        """Return how long the parts of texts are, (B,), given their lexical sums' lengths."""
        power = self.powers[SIDES.index(side)]
        pivot = self.lengths[1] if power > 0 else self.lengths[0]
        return (norms.clamp(min=1e-12) / pivot).pow(power).clamp(max=1.0)

    def joined(self, semantic: Tensor, block: TorchBlock, side: str) -> Tensor:
        """Return the unit rows (B, L + D + 2), given the semantic part as unit rows (B, D).

        A row is zeros where the lexical sum is. With the side text: unit rows (B, L + D), in which
        lengths do not count.
        """
        sums = self.sums(block)
        norms = sums.norm(dim=1)
        if side == PLAIN:
            lexical = sums / norms.clamp(min=1e-12)[:, None]
            parts = self.share.sqrt() * lexical, (1 - self.share).sqrt() * semantic
            return F.normalize(torch.cat(parts, dim=1), dim=1)
        length = self.scale(norms, side)[:, None]
        lexical = sums / norms.clamp(min=1e-12)[:, None] * length
        room = (1.0 - length**2).clamp(min=0.0).sqrt() * (lexical != 0).any(dim=1, keepdim=True)
        empty = torch.zeros_like(room)
        return torch.cat(
            (
                self.share.sqrt() * lexical,
                (1 - self.share).sqrt() * (semantic * length),
                *((room, empty) if side == SIDES[0] else (empty, room)),
            ),
            dim=1,
        )


def _once(units: Tensor) -> Tensor:
    """Return each text's distinct units (B, T), in some order, the rest padding."""
    ordered, _ = units.sort(dim=1)
    again = torch.zeros_like(ordered, dtype=torch.bool)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    return ordered.masked_fill(again, PAD)
