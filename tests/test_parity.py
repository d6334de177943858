"""Two rooms, one contract: the torch towers and the numpy towers are the same function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dssmcli import config
from dssmcli.config import CnnConfig, DnnConfig, LstmConfig, ModelConfig, TextConfig, TowerConfig
from dssmcli.models import layers
from dssmcli.models import towers as learning
from dssmcli.models.dssm import Dssm
from dssmcli.models.layers import (
    FeatureRows,
    Texts,
    TorchBlock,
    bags,
    to_torch,
    window_max,
    window_mean,
)
from dssmcli.models.parts import in_parts
from dssmcli.serving import towers as serving
from dssmcli.serving.contents import Contents
from dssmcli.serving.encoder import Encoder
from dssmcli.text.blocks import TextIndex
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.vocab import Vocabulary, frequent_features
from dssmcli.text.words import Words

TEXTS = [
    "",
    "x",
    "！？",
    "good",
    "iPhone 12 手机壳 透明",
    "花呗怎么还款",
    "café ＡＢＣ naïve",
    "never seen 龘 Ωmega 😀",
    " ".join(f"w{i}" for i in range(7)),
    " ".join(f"w{i}" for i in range(8)),
    " ".join(f"w{i}" for i in range(9)),
    "a" * 500,
]
WORDS = Words(
    ("手机", "花呗", "还款", "怎么", "▁", "▁good", "▁手机", "▁w", "▁花呗", "on"),
    (-2.0, -2.1, -2.2, -2.3, -3.0, -3.1, -3.2, -3.3, -3.4, -3.5),
    -9.0,
)
"""What texts are cut into by the tokenizers that have a list of words."""
TOWERS: list[TowerConfig] = [
    DnnConfig(hidden=(12, 10), dim=6),
    DnnConfig(hidden=(12,), dim=6, skip=False),
    CnnConfig(embedding=8, filters=10, dim=6),
    CnnConfig(embedding=8, filters=10, dim=6, window=(1,), skip=False),
    CnnConfig(embedding=8, filters=10, dim=6, window=(5,)),
    CnnConfig(embedding=8, filters=10, dim=6, window=(2,)),
    CnnConfig(embedding=8, filters=7, dim=6, window=(1, 3, 4)),
    CnnConfig(embedding=8, filters=7, dim=6, window=(5, 2), pooling="max+mean", skip=False),
    CnnConfig(embedding=8, filters=10, dim=6, pooling="max+mean"),
    CnnConfig(form="exact", filters=7, dim=6, window=(2, 3), pooling="max+mean"),
    CnnConfig(form="exact", filters=10, dim=6),
    CnnConfig(form="exact", filters=10, dim=6, skip=False),
    *(
        LstmConfig(
            embedding=8, dim=6, pooling=pooling, bidirectional=both, peepholes=both, skip=both
        )
        for pooling in config.POOLINGS
        for both in (False, True)
    ),
]


def make(tower: TowerConfig, tokenizer: str, separate: bool) -> tuple[Dssm, Encoder, TextIndex]:
    dssm, contents = make_run(tower, tokenizer, separate)
    encoder = contents.encoder()
    return dssm, encoder, TextIndex(encoder.lookup)


def make_run(tower: TowerConfig, tokenizer: str, separate: bool) -> tuple[Dssm, Contents]:
    text = TextConfig(tokenizer=tokenizer, max_units=8, buckets=16)
    empty = Lookup.of(text, Vocabulary([], 16), WORDS)
    counts = Counter(f for t in TEXTS[:7] for d in empty.describe(t) for f in d.features)
    lookup = Lookup.of(text, Vocabulary(frequent_features(counts), 16), WORDS)
    model = ModelConfig(text, tower, separate, lexical=16)
    torch.manual_seed(7)
    dssm = Dssm(model, len(lookup.vocabulary))
    for name, parameter in dssm.named_parameters():
        if not name.endswith("rows.weight"):  # biases and peepholes start at 0: give them a say
            torch.nn.init.normal_(parameter, std=0.3)
    assert dssm.lexical is not None
    dssm.lexical.weight.uniform_(0.5, 2.0)
    dssm.lexical.share.fill_(0.3)
    dssm.lexical.powers.copy_(torch.tensor([-0.5, 0.7]))  # lengths of both sides count
    dssm.lexical.lengths.copy_(torch.tensor([1.5, 4.0]))
    weights = {name: value.numpy().copy() for name, value in dssm.weights().items()}
    return dssm, Contents(model, lookup.vocabulary, weights, {}, "", WORDS)


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("tokenizer", config.TOKENIZERS)
@pytest.mark.parametrize("tower", TOWERS, ids=str)
def test_numpy_gives_the_vectors_of_torch_from_strings(
    tower: TowerConfig, tokenizer: str, separate: bool
) -> None:
    dssm, encoder, index = make(tower, tokenizer, separate)
    index.add(TEXTS)
    block = to_torch(index.block(np.arange(len(TEXTS))))
    for side in config.SIDES if separate else config.VECTOR_SIDES:
        expected = dssm.encode(block, side).detach().numpy()
        np.testing.assert_allclose(encoder.encode(TEXTS, side), expected, atol=1e-5)
    assert np.abs(encoder.encode(TEXTS, "query") - encoder.encode(TEXTS, "title")).max() > 0.01


@pytest.mark.parametrize("tower", TOWERS, ids=str)
def test_a_batch_equals_its_texts_one_by_one_and_rows_are_unit_or_zero(tower: TowerConfig) -> None:
    _, encoder, _ = make(tower, "auto", separate=False)
    together = encoder.encode(TEXTS)
    singly = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, singly, atol=1e-6)
    norms = np.linalg.norm(together, axis=1)
    silent = np.array([text in ("", "！？") for text in TEXTS])
    np.testing.assert_allclose(norms, np.where(silent, 0.0, 1.0), atol=1e-5)
    assert together.dtype == np.float32 and together.shape == (len(TEXTS), 16 + 6)


def test_both_rooms_have_the_same_towers() -> None:
    assert set(learning.TOWERS) == set(serving.TOWERS) == set(config.TOWERS)


@pytest.mark.parametrize("tower", TOWERS, ids=str)
def test_serving_knows_the_shape_of_every_weight(tower: TowerConfig) -> None:
    built = learning.build_tower(tower, 50)
    shapes = {name: tuple(value.shape) for name, value in built.state_dict().items()}
    assert serving.weight_shapes(tower, 50) == shapes


Pool = Callable[[torch.Tensor], torch.Tensor]


def plain_pooled(
    pool: Pool, offsets: torch.Tensor, units: torch.Tensor, lengths: torch.Tensor
) -> torch.Tensor:
    """The definition: all windows of all positions, padding masked, then the maximum or mean."""
    side = len(offsets) // 2
    rows = []
    for row, length in zip(units, lengths.tolist(), strict=True):
        if not length:
            rows.append(offsets.new_zeros(offsets.shape[2]))
            continue
        padded = torch.nn.functional.pad(row[:length], (side, side))
        windows = [
            torch.stack([offsets[k, padded[t + k]] for k in range(len(offsets))]).sum(0)
            for t in range(length)
        ]
        rows.append(pool(torch.stack(windows)))
    return torch.stack(rows)


def largest(windows: torch.Tensor) -> torch.Tensor:
    return windows.amax(0)


def mean(windows: torch.Tensor) -> torch.Tensor:
    return windows.mean(0)


@pytest.mark.parametrize(
    ("fast", "pool", "few"),
    [*((window_max, largest, few) for few in (0, 3, 64)), (window_mean, mean, 64)],
)
@pytest.mark.parametrize("window", [1, 2, 3, 4, 5])
def test_pooled_windows_and_their_gradient_are_those_of_the_plain_definition(
    window: int,
    fast: Callable[..., torch.Tensor],
    pool: Pool,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One position at a time, then several; a few windows at a time so that strides end inside.
    monkeypatch.setattr(layers, "_FEW_TEXTS", few)
    monkeypatch.setattr(layers, "_WINDOWS", 8)
    torch.manual_seed(0)
    units = torch.randint(1, 9, (6, 7))
    lengths = torch.tensor([7, 1, 0, 3, 7, 2])
    units[torch.arange(7) >= lengths[:, None]] = 0
    offsets = torch.randn(window, 9, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(6, 5, dtype=torch.float64)
    found = fast(offsets, units, lengths)
    (found * weights).sum().backward()
    gradient, offsets.grad = offsets.grad, None
    plain = plain_pooled(pool, offsets, units, lengths)
    (plain * weights).sum().backward()
    torch.testing.assert_close(found, plain)
    torch.testing.assert_close(gradient, offsets.grad)


def test_an_even_window_has_one_unit_more_before_its_middle_and_the_mean_is_over_all_units() -> (
    None
):
    units, lengths = torch.tensor([[1, 2], [2, 1], [2, 0]]), torch.tensor([2, 2, 1])
    offsets = torch.tensor([[[0.0], [10.0], [20.0]], [[0.0], [1.0], [2.0]]])
    # Windows (nothing, 1) and (1, 2): 1 and 12; (nothing, 2) and (2, 1): 2 and 21; (nothing, 2): 2.
    assert window_max(offsets, units, lengths).flatten().tolist() == [12.0, 21.0, 2.0]
    assert window_mean(offsets, units, lengths).flatten().tolist() == [6.5, 11.5, 2.0]


def test_each_width_has_filters_of_its_own_and_the_means_follow_the_maxima() -> None:
    torch.manual_seed(5)
    config = CnnConfig(embedding=8, filters=4, dim=3, window=(1, 3), pooling="max+mean", skip=False)
    tower = learning.CnnTower(config, 20).double()
    with torch.no_grad():
        tower.bias.copy_(torch.randn(16))
    block = TorchBlock(
        torch.tensor([[1, 2, 1, 3], [3, 2, 0, 0]]),
        torch.tensor([4, 2]),
        torch.tensor([0, 3, 5, 8]),
        torch.arange(4),
    )
    filters = (tower.rows(block) @ tower.conv).view(4, 4, 4).transpose(0, 1)  # (1 + 3, U, F)
    pooled = [
        plain_pooled(pool, filters[width], *block.texts)
        for pool in (largest, mean)
        for width in (slice(0, 1), slice(1, 4))
    ]
    expected = torch.tanh(tower.output(torch.tanh(torch.cat(pooled, dim=1) + tower.bias)))
    torch.testing.assert_close(tower(block), expected)


def test_the_lstm_is_torch_s_own_when_it_has_no_peepholes() -> None:
    torch.manual_seed(1)
    tower = learning.LstmTower(LstmConfig(embedding=8, dim=6, peepholes=False, skip=False), 40)
    own = torch.nn.LSTM(8, 6, batch_first=True)
    with torch.no_grad():
        own.weight_ih_l0.copy_(tower.forth.input.T)
        own.weight_hh_l0.copy_(tower.forth.recurrent.T)
        own.bias_ih_l0.copy_(tower.forth.bias)
        own.bias_hh_l0.zero_()
    units = torch.randn(5, 8)
    order = torch.tensor([[1, 2, 3], [4, 1, 0]])
    found = tower.forth.pooled(tower.forth.gates(units), Texts(order, torch.tensor([3, 2])))
    for row, length in ((0, 3), (1, 2)):
        _, (state, _) = own(units[order[row : row + 1, :length]])
        torch.testing.assert_close(found[row], state[0, 0])


def test_peepholes_look_at_the_cell_as_the_paper_says() -> None:
    torch.manual_seed(2)
    cell = learning.LstmCell(LstmConfig(embedding=3, dim=2), 2)
    with torch.no_grad():
        cell.peepholes.copy_(torch.randn(3, 2))
    units, c, y = torch.randn(4, 3), torch.zeros(2), torch.zeros(2)
    for unit in (1, 3, 2):
        a = units[unit] @ cell.input + y @ cell.recurrent + cell.bias
        i = torch.sigmoid(a[0:2] + cell.peepholes[0] * c)
        f = torch.sigmoid(a[2:4] + cell.peepholes[1] * c)
        c = f * c + i * torch.tanh(a[4:6])
        y = torch.sigmoid(a[6:8] + cell.peepholes[2] * c) * torch.tanh(c)
    texts = Texts(torch.tensor([[1, 3, 2]]), torch.tensor([3]))
    found = cell.pooled(cell.gates(units), texts)
    torch.testing.assert_close(found[0], y)


def test_the_exact_cnn_is_a_convolution_over_one_hot_features() -> None:
    torch.manual_seed(3)
    tower = learning.CnnTower(CnnConfig(form="exact", filters=4, dim=3, skip=False), 9)
    counts = torch.zeros(6, 9)  # five units of one feature each, padded with zero units
    for position, feature in enumerate((3, 5, 3, 8), start=1):
        counts[position, feature] = 1.0
    kernels = tower.rows.weight.view(9, 3, 4)  # (V, K, F)
    windows = [sum(counts[t + k] @ kernels[:, k] for k in range(3)) for t in range(4)]
    best = torch.stack(windows).amax(0)
    expected = torch.tanh(tower.output(torch.tanh(best + tower.bias)))
    features, starts = torch.tensor([0, 3, 5, 8]), torch.arange(4)
    block = learning.TorchBlock(torch.tensor([[1, 2, 1, 3]]), torch.tensor([4]), features, starts)
    torch.testing.assert_close(tower(block)[0], expected)


def test_order_matters_to_cnn_and_lstm_and_not_to_dnn() -> None:
    for tower in TOWERS:
        _, encoder, _ = make(tower, "auto", separate=False)
        difference = np.abs(np.subtract(*encoder.encode(["我打你了", "你打我了"]))).max()
        bag = isinstance(tower, DnnConfig) or getattr(tower, "window", ()) == (1,)
        assert (difference < 1e-6) == bag, tower


def test_the_gradient_of_sums_of_rows_is_that_of_embedding_bag() -> None:
    torch.manual_seed(0)
    rows = torch.randn(7, 3)
    rows[0] = 0.0
    units = torch.tensor([[1, 2, 1, 6], [3, 0, 0, 0], [0, 0, 0, 0], [2, 5, 0, 0]])
    lengths = torch.tensor([4, 1, 0, 2])
    block = TorchBlock(units, lengths, torch.tensor([0, 4, 4, 2, 3]), torch.tensor([0, 1, 3]))
    upstream, other = torch.randn(4, 3), torch.randn(3, 3)
    ours = FeatureRows(7, 3, skip=True)
    with torch.no_grad():
        ours.weight.copy_(rows)
    plain = rows.clone().requires_grad_()
    features = F.embedding_bag(block.features, plain, block.starts, mode="sum", padding_idx=0)
    torch.testing.assert_close(ours(block), features)
    (features * other).sum().backward()
    (ours(block) * other).sum().backward()
    torch.testing.assert_close(ours.weight.grad, plain.grad)
    mine, theirs = rows.clone().requires_grad_(), rows.clone().requires_grad_()
    bagged = F.embedding_bag(units, theirs, mode="sum", padding_idx=0)
    torch.testing.assert_close(bags(mine, block.texts), bagged)
    (bagged * upstream).sum().backward()
    (bags(mine, block.texts) * upstream).sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad)


@pytest.mark.parametrize("lengths", [[5, 3, 3, 1, 0, 4, 2], [0, 0, 0, 0], [9, 1, 1, 1], [2]])
def test_a_tower_in_parts_is_the_tower_as_a_whole(
    lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dssmcli.models.parts._FEWEST", 1)
    torch.manual_seed(0)
    tower = learning.LstmTower(LstmConfig(embedding=8, dim=6, bidirectional=True), 40).double()
    texts = Texts(torch.randint(1, 9, (len(lengths), 9)), torch.tensor(lengths))
    texts.units[torch.arange(9) >= texts.lengths[:, None]] = 0
    tables = [torch.randn(9, width, dtype=torch.float64) for width in (12, 12, 6)]
    learned = [tower.forth.recurrent, tower.back.peepholes]
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        own = [table.clone().requires_grad_() for table in tables]
        vectors = in_parts(tower.vectors, own, texts, [*tower.parameters()])
        upstream = torch.linspace(-1, 1, vectors.numel(), dtype=torch.float64).view_as(vectors)
        found.append((vectors, *torch.autograd.grad(vectors, [*own, *learned], upstream)))
    for whole, parts in zip(*found, strict=True):
        torch.testing.assert_close(parts, whole)
    with torch.no_grad():
        torch.testing.assert_close(in_parts(tower.vectors, tables, texts, []), found[0][0])
