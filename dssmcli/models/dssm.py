"""The two-tower model in torch: texts in, unit vectors out, a cosine between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dssmcli.config import ModelConfig
from dssmcli.models.layers import TorchBlock, unit_rows, wide
from dssmcli.models.lexical import Lexical
from dssmcli.models.towers import Tower, build_tower


class Dssm(nn.Module):
    """A query tower and a title tower, one and the same unless `separate_towers`.

    Weights are named `tower.*`, or `query.*` and `title.*` where the towers are separate; those of
    the lexical part, unless it is off, `lexical.*`.
    """

    def __init__(self, config: ModelConfig, rows: int) -> None:
        super().__init__()
        names = ("query", "title") if config.separate_towers else ("tower",)
        self.towers = nn.ModuleDict({name: build_tower(config.tower, rows) for name in names})
        self.lexical = Lexical(config.lexical, rows) if config.lexical else None

    @property
    def device(self) -> torch.device:
        """Return where the weights are."""
        return next(self.parameters()).device

    def encode(self, block: TorchBlock, side: str) -> Tensor:
        """Return unit rows (B, D) of the texts of one side; zeros for a text without units."""
        semantic = self.semantic(block, side)
        return semantic if self.lexical is None else self.lexical.joined(semantic, block, side)

    def semantic(self, block: TorchBlock, side: str) -> Tensor:
        """Return unit rows (B, D) from a tower alone."""
        tower = self.towers[side if side in self.towers else "tower"]
        return unit_rows(wide(tower(block)), block.lengths)

    @torch.no_grad()
    def weigh_features(self, factors: Tensor) -> None:
        """Scale the fresh rows of features (V,), say by their inverse document frequency.

        Only where the towers have a skip connection: there the rows are a projection of the
        texts' words from the start, and rare words should weigh more in it.
        """
        for tower in self.towers.values():
            assert isinstance(tower, Tower)
            if tower.skip is not None:
                tower.rows.weight.mul_(factors[:, None])

    @torch.no_grad()
    def set_share(self, share: float) -> None:
        """Set the lexical part's share of a cosine."""
        assert self.lexical is not None
        self.lexical.share.fill_(share)

    def weights(self) -> dict[str, Tensor]:
        """Return the weights as a run stores them."""
        return {name.removeprefix("towers."): value for name, value in self.state_dict().items()}

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Take over weights that `weights` returned."""
        self.load_state_dict(
            {
                name if name.startswith("lexical.") else f"towers.{name}": value
                for name, value in weights.items()
            }
        )
