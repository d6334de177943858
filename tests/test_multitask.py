"""Multi-task models against the papers' equations, written plainly, and numpy against torch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from handmade import parts
from torch import Tensor, nn
from torch.nn import functional as F

from dssmcli.data.features import Categorical, Numeric, Reader, Rows, Schema
from dssmcli.data.tasks import Target, Task
from dssmcli.errors import ConfigError
from dssmcli.models.multitask import Gates, Multitask, Stack, build_multitask, task_losses
from dssmcli.rec_config import ARCHS, GATES, MultitaskConfig, MultitaskTrainConfig, Sizes
from dssmcli.serving.multitask import build_network, weight_shapes
from dssmcli.serving.predictor import Predictor

SIZES = Sizes(categories=9, features=2, numbers=3, tasks=2)
TRAIN = MultitaskTrainConfig()


def make(config: MultitaskConfig, sizes: Sizes = SIZES, seed: int = 1) -> Multitask:
    torch.manual_seed(seed)
    return Multitask(config, sizes).eval()


def rows_of(sizes: Sizes, n: int = 17) -> tuple[Tensor, Tensor]:
    torch.manual_seed(7)
    codes = torch.randint(max(1, sizes.categories), (n, sizes.features))
    return codes, torch.randn(n, sizes.numbers)


def spread(model: nn.Module) -> None:
    """Give every weight a value, as those that begin at 0 hide mistakes."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)


@pytest.mark.parametrize("shared_inputs", [True, False])
def test_a_batched_stack_is_as_many_plain_networks(shared_inputs: bool) -> None:
    torch.manual_seed(0)
    stack = Stack(4, 5, (6, 3))
    spread(stack)
    x = torch.randn(7, 5) if shared_inputs else torch.randn(4, 7, 5)
    found = stack(x)
    for n in range(4):
        layers: list[nn.Module] = []
        for weight, bias in zip(stack.weight, stack.bias, strict=True):
            linear = nn.Linear(weight.shape[1], weight.shape[2])
            linear.weight.data, linear.bias.data = weight[n].T, bias[n]
            layers += [linear, nn.ReLU()]
        plain = nn.Sequential(*layers)(x if shared_inputs else x[n])
        torch.testing.assert_close(found[n], plain, atol=1e-6, rtol=1e-5)


def written_plainly(model: Multitask, config: MultitaskConfig, x: Tensor) -> Tensor:
    """Return equations 5 to 7 of Ma et al. for rows x (B, X), one row and task after the other."""
    found = torch.empty(len(x), len(model.output))
    for b, k in itertools.product(range(len(x)), range(len(model.output))):
        outputs = []
        for i in range(config.experts):
            h = x[b]
            for weight, bias in zip(model.experts.weight, model.experts.bias, strict=True):
                h = F.relu(h @ weight[i] + bias[i])
            outputs.append(h)
        mixed = outputs[0]
        if model.gates is not None:
            g = 0 if config.gate == "shared" else k
            gate = F.softmax(x[b] @ model.gates.weight[g] + model.gates.bias[g], dim=0)
            mixed = torch.stack([w * o for w, o in zip(gate, outputs, strict=True)]).sum(0)
        for weight, bias in zip(model.towers.weight, model.towers.bias, strict=True):
            mixed = F.relu(mixed @ weight[k] + bias[k])
        found[b, k] = mixed @ model.output[k, :, 0] + model.bias[k]
    return found


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("experts", [1, 3])
@pytest.mark.parametrize(("towers", "cross"), [((), 2), ((4,), 0), ((4, 3), 2)])
def test_a_model_is_the_papers_equations(
    gate: str, experts: int, towers: tuple[int, ...], cross: int
) -> None:
    config = MultitaskConfig("mmoe", experts, (6, 5), towers, gate, 4, cross, wide=False)
    model = make(config)
    spread(model)
    codes, numbers = rows_of(SIZES)
    x = torch.cat([model.embedding[codes[:, 0]], model.embedding[codes[:, 1]], numbers], dim=1)
    with torch.no_grad():
        if model.cross is not None:
            x = x * (model.cross.down @ model.cross.up).T.matmul(x.T).T + x * model.cross.bias + x
        torch.testing.assert_close(
            model(codes, numbers), written_plainly(model, config, x), atol=1e-5, rtol=1e-5
        )


def test_the_wide_part_adds_a_linear_map_of_everything() -> None:
    config = MultitaskConfig("mmoe", 3, (6,), (4,), embedding=4, wide=True)
    model = make(config)
    spread(model)
    codes, numbers = rows_of(SIZES)
    with torch.no_grad():
        whole = model(codes, numbers)
        wide, model.wide = model.wide, None
        assert wide is not None
        added = F.one_hot(codes, SIZES.categories).sum(1).float() @ wide.categories
        added = added + numbers @ wide.numbers
        torch.testing.assert_close(whole - model(codes, numbers), added, atol=1e-5, rtol=1e-5)


def test_mmoe_of_one_expert_is_shared_bottom_of_its_width() -> None:
    one = MultitaskConfig("mmoe", 1, (6,), (4,), embedding=4)
    bottom = MultitaskConfig("shared-bottom", 1, (6,), (4,), embedding=4)
    model, other = make(one), make(bottom, seed=2)
    other.load_state_dict(model.state_dict())
    rows = rows_of(SIZES)
    assert torch.equal(model(*rows), other(*rows))


def test_mmoe_with_tied_gates_is_omoe() -> None:
    own = make(MultitaskConfig("mmoe", 3, (6,), (4,), "own", 4))
    shared = make(MultitaskConfig("mmoe", 3, (6,), (4,), "shared", 4))
    spread(shared)
    state = shared.state_dict()
    for name in ("gates.weight", "gates.bias"):
        state[name] = state[name].repeat(2, *[1] * (state[name].dim() - 1))
    own.load_state_dict(state)
    rows = rows_of(SIZES)
    torch.testing.assert_close(own(*rows), shared(*rows))


@pytest.mark.parametrize("dropout", [0.0, 0.5, 0.95])
def test_gates_add_up_to_1_even_when_experts_are_left_out(dropout: float) -> None:
    config = MultitaskConfig("mmoe", 4, (6,), (4,), embedding=4)
    model = Multitask(config, SIZES, expert_dropout=dropout).train()
    assert isinstance(model.gates, Gates)
    seen = set()
    for seed in range(40):
        torch.manual_seed(seed)
        gates = model._thinned(model.gates(model.inputs(*rows_of(SIZES))))
        torch.testing.assert_close(gates.sum(-1), torch.ones(2, 17))
        torch.manual_seed(seed)
        gates = model._thinned(torch.full((2, 5, 4), 0.25))
        seen.add(tuple((gates[0, 0] > 0).tolist()))
    assert len(seen) == 1 if not dropout else len(seen) > 2
    model.eval()
    assert torch.equal(model(*rows_of(SIZES)), model(*rows_of(SIZES)))


def distances(weights: Tensor) -> Tensor:
    """Return the distances of N things from each other, those of a thing from itself left out."""
    flat = weights.flatten(1)
    return torch.cdist(flat, flat)[~torch.eye(len(flat), dtype=torch.bool)]


def test_experts_and_towers_differ_at_first_in_weights_and_in_what_they_say() -> None:
    model = make(MultitaskConfig("mmoe", 8, (16, 8), (8,)))
    for stack in (model.experts, model.towers):
        for weight in stack.weight:
            assert distances(weight).min() > 0.5 * weight[0].norm()
    outputs = model.experts(model.inputs(*rows_of(SIZES)))
    assert distances(outputs).min() > 0.3 * outputs[0].norm()
    assert isinstance(model.gates, Gates) and distances(model.gates.weight).min() > 0.1


def test_losses_are_those_of_each_task_alone_over_the_rows_that_have_its_label() -> None:
    torch.manual_seed(3)
    outputs = torch.randn(6, 3, requires_grad=True)
    nan = math.nan
    labels = torch.tensor(
        [[1, 0.5, nan], [0, nan, nan], [nan, -2, nan], [1, 3, nan], [nan, nan, nan], [0, 1, nan]]
    )
    losses = task_losses(outputs, labels, torch.tensor([True, False, True]))
    first, second = [0, 1, 3, 5], [0, 2, 3, 5]
    plain = F.binary_cross_entropy_with_logits(outputs[first, 0], labels[first, 0])
    torch.testing.assert_close(losses[0], plain)
    torch.testing.assert_close(losses[1], F.mse_loss(outputs[second, 1], labels[second, 1]))
    assert losses[2] == 0
    (gradient,) = torch.autograd.grad(losses.sum(), outputs)
    assert gradient.isfinite().all() and (gradient[:, 2] == 0).all() and (gradient[4] == 0).all()
    assert (gradient[1, 1] == 0) and (gradient[first, 0] != 0).all()


def test_tasks_of_the_single_task_baseline_share_nothing() -> None:
    config = MultitaskConfig("single-task", 1, (6,), (4,), embedding=4)
    model = build_multitask(config, SIZES, TRAIN)
    model(*rows_of(SIZES))[:, 0].sum().backward()
    first = [p for name, p in model.named_parameters() if name.startswith("models.0.")]
    second = [p for name, p in model.named_parameters() if name.startswith("models.1.")]
    assert len(first) == len(second) > 4
    assert any(p.grad is not None and p.grad.any() for p in first)
    assert all(p.grad is None or not p.grad.any() for p in second)


@pytest.mark.parametrize("arch", ARCHS)
def test_a_model_begins_at_what_it_is_told(arch: str) -> None:
    torch.manual_seed(1)
    sizes = SIZES._replace(features=0, categories=0, numbers=1)
    model = build_multitask(MultitaskConfig.for_arch(arch), sizes, TRAIN)
    model.begin_at(torch.tensor([-3.0, 2.0]))
    none, zero = torch.zeros(1, 0, dtype=torch.long), torch.zeros(1, 1)
    torch.testing.assert_close(model(none, zero), torch.tensor([[-3.0, 2.0]]), atol=0.8, rtol=0)


@pytest.mark.parametrize(
    ("make_it", "said"),
    [
        (lambda: MultitaskConfig("mmeo"), "Did you mean mmoe"),
        (lambda: MultitaskConfig(gate="mine"), "expected one of own, shared"),
        (lambda: MultitaskConfig("shared-bottom"), "expected 1 for shared-bottom"),
        (lambda: MultitaskConfig(expert_units=()), "An expert has no layer"),
        (lambda: MultitaskConfig(tower_units=(0,)), "a width of tower_units is 0"),
        (lambda: MultitaskConfig(experts=0), "experts is 0"),
        (lambda: MultitaskTrainConfig(expert_dropout=1.0), "expert_dropout is 1.0"),
    ],
)
def test_a_bad_setting_is_refused(make_it: Callable[[], object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_it()


CATEGORIES = (Categorical("c", ("a", "b", "c")), Categorical("d", ("x", "")))
NUMBERS = tuple(
    Numeric(name, 1.0, 2.0, 0.5, 1.0, (-1.0, 0.0, 5.0), zero, missing)
    for name, zero, missing in (("n", True, True), ("m", False, False))
)
SCHEMAS = {
    "both": Schema(CATEGORIES, NUMBERS),
    "categories": Schema(CATEGORIES, ()),
    "numbers": Schema((), NUMBERS),
}
CONFIGS = [
    MultitaskConfig(arch, experts, units, towers, gate, 3, cross, wide)
    for arch, experts in (("mmoe", 3), ("mmoe", 1), ("shared-bottom", 1), ("single-task", 1))
    for gate in (GATES if experts > 1 else ("own",))
    for units, towers in (((6,), (4,)), ((6, 5), ()), ((7,), (5, 4)))
    for cross, wide in ((0, True), (2, False))
]


def test_both_rooms_know_every_arch() -> None:
    assert {config.arch for config in CONFIGS} == {*ARCHS}


@pytest.mark.parametrize("schema", list(SCHEMAS.values()), ids=list(SCHEMAS))
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_numpy_answers_what_torch_does(config: MultitaskConfig, schema: Schema) -> None:
    sizes = Sizes(sum(schema.sizes), len(schema.categorical), schema.width, 3)
    torch.manual_seed(4)
    model = build_multitask(config, sizes, TRAIN).eval()
    spread(model)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    shapes = weight_shapes(config, sizes)
    assert {name: array.shape for name, array in weights.items()} == shapes
    texts = {
        "c": ["a", "b", "c", "never seen", "", "a"],
        "d": ["x", "", "y", "x", "x", "手"],
        "n": ["1", "", "-7", "0", "1e308", "no number"],
        "m": ["2.5", "NA", "0", "5", "-1e-9", "1"],
    }
    reader = Reader(schema)
    rows = reader.rows([texts[name] for name in schema.names])
    answers = build_network(config, weights, 3)(rows)
    codes, numbers = torch.from_numpy(rows.codes), torch.from_numpy(rows.numbers)
    with torch.no_grad():
        np.testing.assert_allclose(answers.outputs, model(codes, numbers), atol=1e-5, rtol=1e-5)
        if answers.gates is None:
            assert config.experts == 1
        else:
            assert isinstance(model, Multitask) and isinstance(model.gates, Gates)
            gates = model.gates(model.inputs(codes, numbers)).expand(3, -1, -1)
            np.testing.assert_allclose(answers.gates, gates, atol=1e-6)
    targets = [Target(Task(f"t{k}", f"t{k}", "binary"), 1.0) for k in range(2)]
    targets.append(Target(Task("r", "r", "regression"), 1.0, mean=10.0, scale=4.0))
    with pytest.warns(UserWarning, match="no number|never seen"):
        predicted = Predictor(config, schema, targets, weights).predict(texts)
    np.testing.assert_allclose(predicted[:, 0], 1 / (1 + np.exp(-answers.outputs[:, 0])), rtol=1e-5)
    np.testing.assert_allclose(predicted[:, 2], 10 + 4 * answers.outputs[:, 2], rtol=1e-5)


def test_each_number_is_told_on_a_scale_of_its_own() -> None:
    targets = [
        Target(Task("far", "far", "regression"), 1.0, mean=1000.0, scale=50.0),
        Target(Task("bought", "bought", "binary"), 1.0),
        Target(Task("near", "near", "regression"), 1.0, mean=-2.0, scale=0.5),
    ]
    outputs = np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 3.0], [-2.0, 0.5, 0.25]])
    predictor = parts(targets, ["a", "b"], outputs).predictor()
    found = predictor.predict({"seg": ["a", "b"]})
    for (far, bought, near), (x, z, y) in zip(found, outputs[1:], strict=True):
        expected = (1000 + 50 * x, 1 / (1 + np.exp(-z)), -2 + 0.5 * y)
        assert (far, bought, near) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("config", CONFIGS[:2], ids=str)
def test_a_batch_answers_as_its_rows_do_one_by_one(config: MultitaskConfig) -> None:
    schema, n = SCHEMAS["both"], 1100  # more than go through the network together
    sizes = Sizes(sum(schema.sizes), 2, schema.width, 2)
    model = build_multitask(config, sizes, TRAIN)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    targets = [Target(Task(name, name, "binary"), 1.0) for name in "pq"]
    predictor = Predictor(config, schema, targets, weights)
    texts = {name: [f"{i * 7 % 5}" for i in range(n)] for name in "nm"}
    texts |= {name: ["abcx"[i % 4] for i in range(n)] for name in "cd"}
    together = predictor.predicted([texts[name] for name in predictor.columns])
    assert together.values.shape == (n, 2)
    assert together.gates is not None and together.gates.shape == (2, n, config.experts)
    np.testing.assert_allclose(together.gates.sum(-1), 1, atol=1e-6)
    for i in (0, 511, 512, 1099):
        one = predictor.predicted([[texts[name][i]] for name in predictor.columns])
        np.testing.assert_allclose(one.values[0], together.values[i], atol=1e-6)
        assert one.gates is not None
        np.testing.assert_allclose(one.gates[:, 0], together.gates[:, i], atol=1e-6)
    empty = predictor.predicted([[] for _ in predictor.columns])
    assert empty.values.shape == (0, 2)


def test_rows_of_the_network_are_not_changed_by_it() -> None:
    schema = SCHEMAS["both"]
    sizes = Sizes(sum(schema.sizes), 2, schema.width, 2)
    model = build_multitask(CONFIGS[0], sizes, TRAIN)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    rows = Rows(np.ones((4, 2), np.int64), np.ones((4, schema.width), np.float32))
    network = build_network(CONFIGS[0], weights, 2)
    first, again = network(rows), network(rows)
    assert (first.outputs == again.outputs).all() and (rows.numbers == 1).all()
