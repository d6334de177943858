"""Vectors of one kind, and those of queries and titles: who asks for which."""

from __future__ import annotations

import json
import pickle  # noqa: TID251 (of our own making)
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from conftest import SMALL, TOWER, Dssm, run_command, write_pairs
from safetensors.numpy import load, save

import dssmcli
from dssmcli.config import SIDES, VECTOR_SIDES
from dssmcli.errors import ConfigError
from dssmcli.run import CONFIG, WEIGHTS, open_run, to_json
from dssmcli.serving.lexical import Columns, Lexical, columns_of
from dssmcli.serving.tables import Looked
from dssmcli.workplace import publish, workplace

TEXTS = ["couch", "a new couch", "red sofa bed", "手机", "", "!?", "couch couch", "icebox 9"]
Floats = npt.NDArray[np.float32]


@pytest.fixture(name="plain_run", scope="module")
def _plain_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small run with a lexical part whose lengths do not count."""
    place = tmp_path_factory.mktemp("sides")
    pairs = write_pairs(place / "p.tsv", 200)
    options = ("--arch", "dnn", *TOWER["dnn"], *SMALL, "--epochs", "1", "--lexical", "16")
    with pytest.MonkeyPatch.context() as patch:
        made = run_command(["train", pairs, *options, "-o", place / "run"], b"", patch)
    assert made.code == 0, made.err
    return with_lexical(place / "run", place / "plain", share=0.4, powers=(0.0, 0.0))


@pytest.fixture(name="sided", scope="module")
def _sided(plain_run: Path) -> Path:
    """Return the same run with length powers of both sides."""
    return with_lexical(plain_run, plain_run.with_name("sided"), 0.4, (-0.5, 0.75))


def with_lexical(
    run: Path, copy: Path, share: float, powers: tuple[float, float], written: int | None = None
) -> Path:
    """Write a run anew with another share, other powers and the format number of another."""
    opened = open_run(run)
    contents = {name: opened.read(name) for name in opened.files}
    weights = {name: value.copy() for name, value in load(contents[WEIGHTS]).items()}
    weights["lexical.share"][:] = share
    weights["lexical.powers"][:] = powers
    config = json.loads(contents[CONFIG])
    config["format"] = config["format"] if written is None else written
    contents |= {WEIGHTS: save(weights), CONFIG: to_json(config).encode()}
    with workplace(copy) as place:
        publish(place, contents)
    return copy


def test_a_text_beside_itself_is_1_and_any_two_compare_the_same_both_ways(sided: Path) -> None:
    model = dssmcli.load(sided)
    rows = model.encode(TEXTS)
    said = np.array([text not in ("", "!?") for text in TEXTS])
    np.testing.assert_allclose((rows * rows).sum(axis=1), said.astype(float), atol=1e-6)
    assert rows.shape == (len(TEXTS), model.dim) and model.dim == 16 + 16
    # By sides it is less: what the query lacks in length is not where the title has it.
    queries, titles = model.encode_query(TEXTS), model.encode_title(TEXTS)
    assert queries.shape == titles.shape == (len(TEXTS), model.side_dim)
    assert model.side_dim == 16 + 16 + 2 and model.sides_differ
    assert ((queries * titles).sum(axis=1)[said] < 0.99).all()
    np.testing.assert_allclose(np.linalg.norm(titles, axis=1), said.astype(float), atol=1e-6)
    assert model.score("couch", "couch") < 0.99
    assert model.powers == pytest.approx((-0.5, 0.75)) and model.share == pytest.approx(0.4)


def test_without_powers_all_three_sides_are_the_same_and_so_is_the_score(plain_run: Path) -> None:
    model = dssmcli.load(plain_run)
    rows = [model.encode(TEXTS, side) for side in VECTOR_SIDES]
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[0], rows[2])
    assert model.dim == model.side_dim == 32 and not model.sides_differ
    assert model.score("couch", "couch") == pytest.approx(1, abs=1e-6)
    assert model.score("couch", "red couch") == pytest.approx(model.score("red couch", "couch"))


@pytest.mark.parametrize(
    ("share", "powers", "plain", "sides"),
    [
        (0.25, (0, 0), (16, 4, 0), (16, 4, 0)),
        (0.25, (0, 0.5), (16, 4, 0), (16, 4, 2)),
        (0.0, (0, 0.5), (0, 4, 0), (0, 4, 2)),
        (0.0, (0, 0), (0, 4, 0), (0, 4, 0)),
        (1.0, (-0.5, 0), (16, 0, 0), (16, 0, 2)),
        (1.0, (0, 0), (16, 0, 0), (16, 0, 0)),
    ],
)
def test_a_part_without_a_share_takes_no_columns_and_room_is_for_powers(
    share: float,
    powers: tuple[float, float],
    plain: tuple[int, int, int],
    sides: tuple[int, int, int],
) -> None:
    weights = {"share": np.float32([share]), "powers": np.float32(powers)}
    found = columns_of(16, 4, weights, whole=False)
    assert found["text"] == Columns(*plain)
    assert found["query"] == found["title"] == Columns(*sides)
    before = columns_of(16, 4, weights, whole=True)
    assert before["text"] == Columns(*plain) and before["query"] == Columns(16, 4, 2)


@pytest.mark.parametrize("share", [0.0, 1.0, 0.4])
@pytest.mark.parametrize("powers", [(0.0, 0.0), (-0.5, 0.75)])
def test_a_run_of_format_4_has_the_vectors_of_sides_it_had_and_plain_ones_of_the_new_rule(
    plain_run: Path, tmp_path: Path, share: float, powers: tuple[float, float]
) -> None:
    new = dssmcli.load(with_lexical(plain_run, tmp_path / "new", share, powers))
    old = dssmcli.load(with_lexical(plain_run, tmp_path / "old", share, powers, written=4))
    np.testing.assert_array_equal(old.encode(TEXTS), new.encode(TEXTS))
    assert old.side_dim == 16 + 16 + 2
    kept = np.ones(old.side_dim, np.bool_)
    kept[:16], kept[16:32], kept[32:] = share > 0, share < 1, any(powers)
    for side in SIDES:
        rows = old.encode(TEXTS, side)
        assert not rows[:, ~kept].any()
        np.testing.assert_allclose(rows[:, kept], new.encode(TEXTS, side), atol=1e-6)
    np.testing.assert_allclose(
        old.score_pairs(TEXTS, TEXTS[::-1]), new.score_pairs(TEXTS, TEXTS[::-1]), atol=1e-6
    )


def test_with_a_share_of_0_plain_vectors_are_the_tower_s_alone_and_lengths_still_count(
    plain_run: Path, tmp_path: Path
) -> None:
    none = dssmcli.load(with_lexical(plain_run, tmp_path / "none", 0.0, (0.0, 0.0)))
    sided = dssmcli.load(with_lexical(plain_run, tmp_path / "sided", 0.0, (0.0, 0.75)))
    np.testing.assert_array_equal(none.encode(TEXTS), sided.encode(TEXTS))
    assert none.dim == none.side_dim == sided.dim == 16 and sided.side_dim == 18
    lengths = np.linalg.norm(sided.encode_title(TEXTS)[:4, :16], axis=1)
    assert (lengths < 0.999).any() and len(np.unique(lengths.round(4))) > 1


def test_a_text_with_one_of_the_two_parts_alone_is_a_unit_row() -> None:
    weights = {"weight": np.ones(3), "share": [0.4], "powers": [0, 0], "lengths": [1, 2]}
    arrays = {name: np.array(value, np.float32) for name, value in weights.items()}
    lexical = Lexical(4, 2, arrays, 0, whole=False)
    table = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], np.float32)
    # The first text has both parts, the second a lexical sum of 0, the third no meaning, the last
    # nothing at all.
    found = Looked((table,), np.array([1, 2, 1]), np.array([1, 1, 1, 0]))
    meant = np.array([[1, 0], [0, 1], [0, 0], [0, 0]], np.float32)
    rows = lexical.joined(found, meant, "text")
    share = 0.4**0.5, 0.6**0.5
    expected = [[share[0], 0, 0, 0, share[1], 0], [0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0], [0] * 6]
    np.testing.assert_allclose(rows, expected, atol=1e-6)


def test_every_command_that_sets_queries_beside_titles_goes_by_their_sides(
    sided: Path, dssm: Dssm, tmp_path: Path
) -> None:
    model = dssmcli.load(sided)
    titles = ["a new sofa bed", "faucet", "couch with a long red cover", "icebox"]
    expected = model.encode_query(["couch"]) @ model.encode_title(titles).T
    assert np.abs(expected - model.encode(["couch"]) @ model.encode(titles).T).max() > 0.01
    scores = dict(zip(titles, expected[0].tolist(), strict=True))
    for title, score in scores.items():
        assert float(dssm("score", "couch", title, "-m", sided).out) == pytest.approx(
            score, abs=1e-4
        )
    (tmp_path / "titles.txt").write_text("".join(f"{title}\n" for title in titles))
    (tmp_path / "pairs.tsv").write_text("".join(f"couch\t{title}\n" for title in titles))
    scored = dssm("score", "--pairs", tmp_path / "pairs.tsv", "-m", sided).out.splitlines()
    found = {row.split("\t")[1]: float(row.split("\t")[2]) for row in scored}
    assert found == pytest.approx(scores, abs=1e-4)
    index = tmp_path / "index"
    assert dssm("index", tmp_path / "titles.txt", "-m", sided, "-o", index, "-q").code == 0
    lines = dssm("search", "couch", "-i", index, "-k", "4").out.splitlines()
    found = {row.split("\t")[3]: float(row.split("\t")[2]) for row in lines}
    assert found == pytest.approx(scores, abs=1e-4)
    assert dssmcli.load_index(index).settings.dim == model.side_dim
    mined = dssm(
        *("mine", tmp_path / "pairs.tsv", "-m", sided, "--json", "-q"),
        *("--ranks", "1-4", "--margin", "0"),
    )
    for line in map(json.loads, mined.out.splitlines()):
        assert line["score"] == pytest.approx(scores[line["title"]], abs=1e-4)


def test_encode_gives_plain_vectors_and_those_of_a_side_on_request(
    sided: Path, dssm: Dssm, tmp_path: Path
) -> None:
    (tmp_path / "t.txt").write_text("couch\nred sofa\n")
    model = dssmcli.load(sided)
    for options, side in (
        ((), "text"),
        (("--side", "text"), "text"),
        (("--side", "title"), "title"),
    ):
        out = tmp_path / "v.npy"
        assert dssm("encode", tmp_path / "t.txt", "-m", sided, "-q", *options, "-o", out).code == 0
        np.testing.assert_allclose(np.load(out), model.encode(["couch", "red sofa"], side))


def test_a_part_of_one_side_is_not_gone_on_with_as_another(
    sided: Path, dssm: Dssm, tmp_path: Path
) -> None:
    from dssmcli.serving.output import growing

    texts, out = tmp_path / "t.txt", tmp_path / "v.npy"
    texts.write_text("couch\nred sofa\n")
    digest = dssmcli.load(sided).digest
    with (
        pytest.raises(KeyboardInterrupt),
        growing(out, f"{digest} query npy float32 fail None") as _,
    ):
        raise KeyboardInterrupt
    made = dssm("encode", texts, "-m", sided, "-o", out, "--resume", "-q")
    assert made.code == 0 and np.load(out).shape == (2, 32)


def test_a_run_with_separate_towers_refuses_plain_vectors_in_one_line(
    dssm: Dssm, tmp_path: Path
) -> None:
    pairs, run = write_pairs(tmp_path / "p.tsv", 100), tmp_path / "r"
    options = ("--arch", "dnn", *TOWER["dnn"], *SMALL, "--epochs", "1", "--separate-towers")
    assert dssm("train", pairs, *options, "-o", run).code == 0
    (tmp_path / "t.txt").write_text("couch\n")
    refused = dssm("encode", tmp_path / "t.txt", "-m", run)
    assert refused.code == 2 and not refused.raw
    assert "--side query" in refused.err and "--side title" in refused.err
    model = dssmcli.load(run)
    for call in (model.encode, lambda texts: model.encode_blocks([texts])):
        with pytest.raises(
            ConfigError, match="queries with encode_query, titles with encode_title"
        ):
            call(["couch"])
    assert model.encode_query(["couch"]).shape == (1, model.dim) and model.dim == model.side_dim
    for side in SIDES:
        assert dssm("encode", tmp_path / "t.txt", "-m", run, "--side", side).code == 0
    told = json.loads(dssm("info", "-m", run, "--json").out)["vectors"]
    assert "text" not in told and told["query"]["dim"] == model.dim


def test_info_says_how_long_vectors_are_and_what_a_text_beside_itself_scores(
    plain_run: Path, sided: Path, dssm: Dssm
) -> None:
    told = json.loads(dssm("info", "-m", sided, "--json").out)["vectors"]
    assert (told["text"], told["query"], told["title"]) == ({"dim": 32}, {"dim": 34}, {"dim": 34})
    assert told["length_powers"] == {"query": -0.5, "title": 0.75}
    assert told["lexical_share"] == 0.4
    assert told["score_of_a_text_with_itself"].startswith("less than 1")
    plain = dssm("info", "-m", plain_run).out.splitlines()
    assert "vectors.text.dim\t32" in plain and "vectors.title.dim\t32" in plain
    assert "vectors.score_of_a_text_with_itself\t1" in plain


def test_an_encoder_that_was_sent_elsewhere_gives_the_same_vectors(
    sided: Path, tmp_path: Path
) -> None:
    old = with_lexical(sided, tmp_path / "old", 0.4, (-0.5, 0.75), written=4)
    for run in (sided, old):
        model = dssmcli.load(run)
        copy = pickle.loads(pickle.dumps(model))
        for side in VECTOR_SIDES:
            np.testing.assert_array_equal(copy.encode(TEXTS, side), model.encode(TEXTS, side))
