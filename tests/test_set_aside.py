"""What is set aside to validate on leaves no trace in what is learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import test_first_step
from conftest import Dssm
from logs import IMPRESSION_NAMES, SMALL_RANKING, Row, impressions, write_log
from test_first_step import TABLE, ranking_task, table_task

from dssmcli.serving.ranker import load_ranker


def test_what_impressions_to_validate_on_hold_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = test_first_step.shown_rows()
    before = ranking_task(tmp_path)
    assert before.train[-1] + 1 == before.valid[0] == 240
    # Other clicks, times, users and items behind the 240 that are learned from.
    turned = [(*row[:2], row[2], 1 - row[3], 900.0 * (1 - row[3])) for row in rows[:239:-1]]
    changed = [(*way[:2], row[2], *way[3:]) for way, row in zip(turned, rows[240:], strict=True)]
    monkeypatch.setattr(test_first_step, "shown_rows", lambda: [*rows[:240], *changed])
    after = ranking_task(tmp_path)
    assert after.digest != before.digest
    assert after.unit == before.unit
    for one, other in zip(after.features.places, before.features.places, strict=True):
        # Sums over a log round otherwise.
        np.testing.assert_allclose(one.edges, other.edges, rtol=1e-6, atol=1e-6)
        assert one.shares == pytest.approx(other.shares, abs=1e-3)
    assert after.features._replace(places=()) == before.features._replace(places=())
    assert after.chronicle.means.tolist() == before.chronicle.means.tolist()
    items, counts = before.catalogue.items, before.catalogue.counts.tolist()
    assert after.catalogue.items == items and after.catalogue.counts.tolist() == counts
    assert counts == [sum(row[1] == item for row in rows[:240]) for item in items]
    for name in ("item", "codes", "clicked", "watched"):
        np.testing.assert_array_equal(getattr(after, name)[:240], getattr(before, name)[:240])


def test_a_category_and_a_number_of_impressions_to_validate_on_alone_are_strange(
    dssm: Dssm, tmp_path: Path
) -> None:
    # The last 60 impressions are validated on; the first 24 only others look back to.
    rows: list[Row] = []
    for n, row in enumerate(impressions(9, 8, 300)):
        item, late = str(row[1]), n >= 240
        if n % 11 == 0 and (late or n < 24):
            item = "late" if late else "early"
        genre = "late" if late and n % 3 else f"g{n % 2}"
        rows.append((row[0], item, *row[2:], genre, 900 + n if late else n % 40))
    log = write_log(tmp_path / "i.tsv", (*IMPRESSION_NAMES, "genre", "length"), rows)
    options = [*SMALL_RANKING, "--epochs", "1", "--valid-share", "0.2", "-o", tmp_path / "r"]
    assert dssm("train-rec", "youtube-ranking", log, *options).code == 0
    ranker = load_ranker(tmp_path / "r")
    genre = next(each for each in ranker.features.categorical if each.name == "genre")
    assert sorted(genre.values) == ["g0", "g1"]
    length = next(place for place in ranker.features.places if place.name == "length")
    assert length.edges[-1] == 39
    # An item that was never learned from is as one that is not known.
    strange = [name for name in ranker.catalogue.items if not name.startswith("i")]
    weights = ranker._tower._weights["items"]
    rows_of = dict(zip(ranker.catalogue.items, weights[1:], strict=True))
    assert sorted(strange) == ["early", "late"]
    assert [name for name, row in rows_of.items() if not row.any()] == strange


def test_what_rows_of_a_table_to_validate_on_hold_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = table_task(tmp_path, valid_share=0.2)
    assert before.valid is not None and len(before.valid) == 96  # of few rows twice the share
    target = before.targets[1]
    minutes = before.valid.labels[:, 1] * target.scale + target.mean
    # Numbers of four digits behind the point: each row has one of its own.
    held = {f"{number:.4f}" for number in minutes}
    chosen = [number in held for number in TABLE["minutes"]]
    assert sum(chosen) == 96
    other = {
        name: [strange if aside else text for text, aside in zip(texts, chosen, strict=True)]
        for (name, texts), strange in zip(
            TABLE.items(), ("Rome", "999", "1e7", None, None, "s9", None), strict=True
        )
        if strange
    }
    monkeypatch.setattr(test_first_step, "TABLE", {**TABLE, **other})
    after = table_task(tmp_path, valid_share=0.2)
    assert after.digest != before.digest
    assert after.schema == before.schema and after.targets == before.targets
    for name in ("codes", "numbers", "labels"):
        np.testing.assert_array_equal(getattr(after.train, name), getattr(before.train, name))
