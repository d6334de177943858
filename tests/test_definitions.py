"""Towers and losses of texts are what the papers write, in plain torch and in numbers by hand."""

from __future__ import annotations

import math

import pytest
import torch

from dssmcli.config import DnnConfig, LstmConfig, ModelConfig, TextConfig
from dssmcli.models import towers
from dssmcli.models.dssm import Dssm
from dssmcli.models.layers import TorchBlock
from dssmcli.models.losses import GradeLoss, LogisticLoss, softmax_loss

# Two texts of units 1 2 1 3 and 2, and one without units. Unit 1 has features 3 and 4, unit 2
# feature 3, unit 3 features 8 and 8.
BLOCK = TorchBlock(
    torch.tensor([[1, 2, 1, 3], [2, 0, 0, 0], [0, 0, 0, 0]]),
    torch.tensor([4, 1, 0]),
    torch.tensor([0, 3, 4, 3, 8, 8]),
    torch.tensor([0, 1, 3, 4]),
)
COUNTS = torch.zeros(3, 9)
COUNTS[0, 3], COUNTS[0, 4], COUNTS[0, 8], COUNTS[1, 3] = 3, 2, 2, 1


@pytest.mark.parametrize("skip", [False, True])
def test_the_dnn_is_tanh_layers_over_counts_of_features(skip: bool) -> None:
    torch.manual_seed(0)
    tower = towers.DnnTower(DnnConfig(hidden=(7, 5), dim=4, skip=skip), 9)
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.normal_()
        tower.rows.weight[0] = 0.0
    first = COUNTS @ tower.rows.weight
    second = torch.tanh(first + tower.bias) @ tower.layers[0].weight.T + tower.layers[0].bias
    expected = torch.tanh(torch.tanh(second) @ tower.output.weight.T + tower.output.bias)
    if tower.skip is not None:
        roots = torch.tensor([2.0, 1.0, 1.0])[:, None]  # of the number of units
        expected = expected + first / roots @ tower.skip.weight.T
    torch.testing.assert_close(tower(BLOCK), expected)


def test_a_fresh_dnn_of_the_papers_saturates_nowhere() -> None:
    torch.manual_seed(0)
    tower = towers.DnnTower(DnnConfig(hidden=(300, 300), dim=128, skip=False), 30_621)
    bound = math.sqrt(6 / (30_621 + 300))
    largest = float(tower.rows.weight.detach().abs().max())
    assert 0.99 * bound < largest <= bound
    units = torch.arange(1, 41)[None, :]  # a text of 40 features
    features = torch.cat([torch.zeros(1, dtype=torch.long), torch.randint(1, 30_621, (40,))])
    block = TorchBlock(units, torch.tensor([40]), features, torch.arange(41))
    hidden = torch.tanh(tower.rows(block)[1:].sum(0))
    assert float(hidden.detach().abs().max()) < 0.5
    # As drawn from a standard normal distribution, rows would leave no gradient.
    assert float(torch.tanh(torch.randn(40, 300).sum(0)).abs().mean()) > 0.8


def test_a_fresh_lstm_remembers_and_looks_through_no_peephole() -> None:
    cell = towers.LstmCell(LstmConfig(embedding=3, dim=2), 2)
    assert cell.bias.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert cell.peepholes is not None and not cell.peepholes.any()


@pytest.mark.parametrize("pooling", ["last", "max", "mean"])
def test_an_lstm_of_two_directions_pools_the_states_of_torch_s_own(pooling: str) -> None:
    torch.manual_seed(1)
    config = LstmConfig(
        embedding=8, dim=12, peepholes=False, bidirectional=True, pooling=pooling, skip=False
    )
    tower = towers.LstmTower(config, 9)
    own = torch.nn.LSTM(8, 6, batch_first=True, bidirectional=True)
    assert tower.back is not None
    with torch.no_grad():
        for cell, end in ((tower.forth, ""), (tower.back, "_reverse")):
            getattr(own, f"weight_ih_l0{end}").copy_(cell.input.T)
            getattr(own, f"weight_hh_l0{end}").copy_(cell.recurrent.T)
            getattr(own, f"bias_ih_l0{end}").copy_(cell.bias)
            getattr(own, f"bias_hh_l0{end}").zero_()
    units, found = tower.rows(BLOCK), tower(BLOCK)
    for row, length in ((0, 4), (1, 1)):
        states, _ = own(units[BLOCK.units[row : row + 1, :length]])
        pools = {
            "last": torch.cat([states[0, -1, :6], states[0, 0, 6:]]),
            "max": states[0].amax(0),
            "mean": states[0].mean(0),
        }
        torch.testing.assert_close(found[row], pools[pooling])
    assert not found[2].any()


def test_log_q_is_subtracted_after_gamma_from_every_candidate_the_clicked_one_too() -> None:
    cosines, log_q = torch.tensor([[0.5, 0.2, -0.1]]), torch.tensor([0.5, 0.1, 0.02]).log()
    allowed = torch.ones(1, 3, dtype=torch.bool)
    found = softmax_loss(cosines, torch.tensor([0]), allowed, 10.0, torch.ones(1), log_q)
    own, *others = (math.exp(10 * c) / q for c, q in ((0.5, 0.5), (0.2, 0.1), (-0.1, 0.02)))
    assert float(found) == pytest.approx(-math.log(own / (own + sum(others))), rel=1e-5)


def test_the_logistic_loss_is_the_weighted_mean_of_minus_log_p() -> None:
    loss = LogisticLoss()
    with torch.no_grad():
        loss.scale.fill_(4.0)
        loss.shift.fill_(-1.0)
    found = loss(torch.tensor([0.5, 0.1]), torch.tensor([1.0, 0.0]), torch.tensor([3.0, 1.0]))
    match, other = 1 / (1 + math.exp(-1.0)), 1 / (1 + math.exp(0.6))
    expected = (-3 * math.log(match) - math.log(1 - other)) / 4
    assert float(found.detach()) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_grades_is_the_mean_squared_error_of_a_line_through_cosines() -> None:
    loss = GradeLoss()
    with torch.no_grad():
        loss.scale.fill_(2.0)
        loss.shift.fill_(-0.5)
    found = loss(torch.tensor([0.5, 0.2]), torch.tensor([1.0, 0.3]))
    assert float(found.detach()) == pytest.approx((0.5**2 + 0.4**2) / 2, rel=1e-5)


@pytest.mark.parametrize("side", ["query", "title"])
def test_what_a_side_says_teaches_its_own_tower_alone(side: str) -> None:
    torch.manual_seed(0)
    model = ModelConfig(TextConfig(), DnnConfig(hidden=(7,), dim=4), separate_towers=True)
    dssm = Dssm(model, 9)
    dssm.semantic(BLOCK, side).sum().backward()
    taught = {name.split(".")[1] for name, p in dssm.named_parameters() if p.grad is not None}
    assert taught == {side}
