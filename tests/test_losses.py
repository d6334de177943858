"""The losses are right: worlds whose answer is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dssmcli.models.losses import LogisticLoss, cosent_loss, softmax_loss


def ones(count: int) -> torch.Tensor:
    return torch.ones(count, dtype=torch.float64)


def everything(rows: int, columns: int) -> torch.Tensor:
    return torch.ones(rows, columns, dtype=torch.bool)


def test_softmax_loss_is_the_negative_log_of_the_paper_s_probability() -> None:
    cosines = torch.tensor([[0.9, 0.1, -0.3], [0.2, 0.4, 0.4]], dtype=torch.float64)
    clicked = torch.tensor([0, 2])
    found = softmax_loss(cosines, clicked, everything(2, 3), 10.0, ones(2))
    first = math.exp(9) / (math.exp(9) + math.exp(1) + math.exp(-3))
    second = math.exp(4) / (math.exp(2) + 2 * math.exp(4))
    assert float(found) == pytest.approx(-(math.log(first) + math.log(second)) / 2)


def test_what_is_not_allowed_is_no_negative_but_the_clicked_title_always_counts() -> None:
    cosines = torch.tensor([[0.5, 0.9, 0.1]], dtype=torch.float64)
    allowed = torch.tensor([[False, False, True]])
    found = softmax_loss(cosines, torch.tensor([0]), allowed, 10.0, ones(1))
    assert float(found) == pytest.approx(math.log(1 + math.exp(-4)))


def test_weights_make_a_weighted_mean() -> None:
    cosines = torch.randn(3, 4, dtype=torch.float64)
    clicked, allowed = torch.tensor([0, 1, 2]), everything(3, 4)
    single = [
        float(softmax_loss(cosines[i : i + 1], clicked[i : i + 1], allowed[:1], 5.0, ones(1)))
        for i in range(3)
    ]
    weight = torch.tensor([3.0, 0.0, 1.0], dtype=torch.float64)
    found = softmax_loss(cosines, clicked, allowed, 5.0, weight)
    assert float(found) == pytest.approx((3 * single[0] + single[2]) / 4)


def world() -> tuple[torch.Tensor, torch.Tensor]:
    """Return p(title | query) (5, 7) and p(query): skewed, so that PMI is something else."""
    random = np.random.default_rng(5)
    popularity = np.array([0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.02])
    joint = popularity * np.exp(random.normal(0, 1, (5, 7)))
    conditional = joint / joint.sum(1, keepdims=True)
    return torch.from_numpy(conditional), torch.full((5,), 0.2, dtype=torch.float64)


def fit_scores(corrected: bool) -> torch.Tensor:
    """Fit free scores (5, 7) by in-batch softmax on a huge batch drawn from the world."""
    conditional, queries = world()
    generator = torch.Generator().manual_seed(1)
    marginal = queries @ conditional
    scores = torch.zeros(5, 7, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([scores], lr=0.03)
    clicked = torch.arange(400)
    for step in range(500):
        optimizer.param_groups[0]["lr"] = 0.06 * (1 - step / 500)
        query = torch.multinomial(queries, 400, replacement=True, generator=generator)
        title = torch.multinomial(conditional[query], 1, generator=generator)[:, 0]
        log_q = marginal[title].log() if corrected else None
        logits = scores[query][:, title]
        loss = softmax_loss(logits, clicked, everything(400, 400), 1.0, ones(400), log_q)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return scores.detach()


def spread(difference: torch.Tensor) -> float:
    """Return how far a difference is from being a constant for each query."""
    return float((difference - difference.mean(1, keepdim=True)).abs().mean())


def test_corrected_scores_are_log_p_and_uncorrected_ones_pmi_up_to_a_constant_a_query() -> None:
    conditional, queries = world()
    log_p = conditional.log()
    pmi = log_p - (queries @ conditional).log()
    corrected, uncorrected = fit_scores(corrected=True), fit_scores(corrected=False)
    assert spread(corrected - log_p) < 0.15
    assert spread(corrected - pmi) > 0.5
    assert spread(uncorrected - pmi) < 0.15
    assert spread(uncorrected - log_p) > 0.5


def test_the_sampled_softmax_s_gradient_tends_to_the_full_one_s() -> None:
    torch.manual_seed(0)
    scores = torch.randn(1, 200, dtype=torch.float64, requires_grad=True)
    clicked = torch.tensor([3])
    softmax_loss(scores, clicked, everything(1, 200), 1.0, ones(1)).backward()
    full, scores.grad = scores.grad.clone(), None
    proposal = F.softmax(torch.randn(200, dtype=torch.float64), 0)

    def error(samples: int, rounds: int) -> float:
        total = torch.zeros_like(full)
        for _ in range(rounds):
            drawn = torch.multinomial(proposal, samples, replacement=True)
            log_q = torch.cat([torch.zeros(1), (samples * proposal[drawn]).log()])
            candidates = scores[:, torch.cat([clicked, drawn])]
            allowed = torch.cat([torch.tensor([3]), drawn])[None, :] != 3
            loss = softmax_loss(candidates, torch.tensor([0]), allowed, 1.0, ones(1), log_q)
            (gradient,) = torch.autograd.grad(loss, scores)
            total += gradient / rounds
        return float((total - full).norm() / full.norm())

    few, many = error(10, 400), error(1000, 400)
    assert many < 0.05 and many < few / 2


def test_on_separable_data_the_clicked_title_gets_more_than_95_percent() -> None:
    torch.manual_seed(0)
    queries = torch.randn(20, 16, requires_grad=True)
    titles = torch.randn(20, 16, requires_grad=True)
    optimizer = torch.optim.Adam([queries, titles], lr=0.05)
    clicked = torch.arange(20)
    for _ in range(200):
        cosines = F.normalize(queries, dim=1) @ F.normalize(titles, dim=1).T
        loss = softmax_loss(cosines, clicked, everything(20, 20), 10.0, torch.ones(20))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(F.softmax(10 * cosines, 1).detach().diagonal().min()) > 0.95


def test_softmax_over_raw_cosines_could_not_do_that() -> None:
    best = torch.full((1, 20), -1 / 19)
    best[0, 0] = 1.0
    assert float(F.softmax(best, 1)[0, 0]) < 0.15 < float(F.softmax(10 * best, 1)[0, 0])


def test_cosent_adds_up_all_pairs_of_unequal_grades() -> None:
    cosines = torch.tensor([0.3, 0.8, 0.5], dtype=torch.float64)
    grades = torch.tensor([2.0, 1.0, 1.0], dtype=torch.float64)
    expected = math.log(1 + math.exp(20 * 0.5) + math.exp(20 * 0.2))
    assert float(cosent_loss(cosines, grades, 20.0)) == pytest.approx(expected)
    assert float(cosent_loss(cosines, grades * 0, 20.0)) == 0.0


def test_logistic_loss_learns_where_a_match_begins() -> None:
    torch.manual_seed(0)
    loss = LogisticLoss()
    cosines = torch.linspace(-1, 1, 400)
    labels = (cosines > 0.6).float()
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.3)
    for _ in range(400):
        optimizer.zero_grad()
        loss(cosines, labels, torch.ones(400)).backward()
        optimizer.step()
    assert float((-loss.shift / loss.scale).detach()) == pytest.approx(0.6, abs=0.02)


def test_a_loss_does_not_depend_on_the_order_of_candidates() -> None:
    torch.manual_seed(1)
    cosines = torch.rand(3, 5, dtype=torch.float64)
    clicked = torch.tensor([0, 3, 4])
    base = float(softmax_loss(cosines, clicked, everything(3, 5), 8.0, ones(3)))
    for order in itertools.islice(itertools.permutations(range(5)), 5, 30, 7):
        place = torch.tensor([order.index(int(c)) for c in clicked])
        shuffled = cosines[:, list(order)]
        found = softmax_loss(shuffled, place, everything(3, 5), 8.0, ones(3))
        assert float(found) == pytest.approx(base)
