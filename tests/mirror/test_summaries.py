"""Summaries of a model's points answer what the points themselves answer, and are never those of other points."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats
import sqlalchemy as sa

from sensdb.analysis.ask import ask
from sensdb.database.bundled import bundled
from sensdb.mirror import summaries
from sensdb.mirror.manifest import mirror_folder
from sensdb.mirror.sync import sync
from tests.mirror.looking import mirrored, points
from tests.mirror.stored import add_models, replace_result

SUMMARISED = ("points_by_quantile", "point_auroc", "point_correlation")
METRICS = "jacobian_norm,doubt,entropy,margin,logit_jacobian_norm,boundary_distance,transitions,loss"


def a_model(seed: int) -> dict[str, Any]:
    """A model with points of every kind: equal values, missing ones, models that are all right, few or no norms."""
    draw = random.Random(seed)
    n = draw.choice([1, 3, 9, 10, 23, 64])
    made = []
    for _ in range(n):
        norm = draw.choice([0.0, 0.5, 10 ** draw.uniform(-9, 2)])
        made.append(
            {
                "correct": seed % 4 == 0 or draw.random() < 0.7,
                "loss": None if draw.random() < 0.1 else draw.choice([0.25, 10 ** draw.uniform(-6, 1)]),
                "doubt": draw.random(),
                "entropy": draw.choice([0.1, 0.2, 0.3]),
                "margin": draw.uniform(-3, 3),
                "jacobian_norm": None if seed == 5 or draw.random() < 0.1 else norm,
                "logit_jacobian_norm": 3.0 if seed == 6 else draw.random(),
                "boundary_distance": None if draw.random() < 0.5 else draw.random(),
                "transitions": None if seed < 6 else draw.randrange(20),
            }
        )
    return {
        "seed": seed % 3,
        "width": 10 + seed // 3,
        "label_noise": 1.0 if seed == 7 else 0.0,
        "train_accuracy": 0.9 if seed == 8 else 1.0,
        "points": made,
    }


@pytest.fixture
def from_points(tmp_path: Path) -> Path:
    """A folder with copies of the saved queries: those of a user, which are answered from all points."""
    folder = tmp_path / "queries of points"
    folder.mkdir()
    for name in SUMMARISED:
        shutil.copy(bundled("queries") / f"{name}.sql", folder)
    return folder


def test_summaries_answer_to_the_last_bit_what_the_points_answer(
    engine: sa.Engine, database_url: str, cache: Path, from_points: Path
) -> None:
    add_models(engine, [a_model(seed) for seed in range(20)])
    asked: list[tuple[str, dict[str, Any]]] = [
        ("points_by_quantile", {}),
        ("points_by_quantile", {"quantiles": 4, "labels": "all", "min_train_accuracy": 0}),
        *((name, {"metric": METRICS, "labels": "all"}) for name in SUMMARISED[1:]),
        *(
            (name, {"metric": "margin,loss", "min_train_accuracy": 0.5})
            for name in ("point_auroc", "point_correlation")
        ),
    ]

    for name, parameters in asked:
        summarised = ask(database_url, cache, name, parameters)
        worked_out = ask(database_url, cache, name, parameters, queries=from_points)

        assert summarised.rows == worked_out.rows, (name, parameters)
        assert len(summarised.rows) >= 2
        assert summarised.meta["notes"] == worked_out.meta["notes"]


def test_a_number_of_groups_that_no_summary_has_is_answered_from_the_points(
    engine: sa.Engine, database_url: str, cache: Path, from_points: Path
) -> None:
    add_models(engine, [a_model(seed) for seed in range(4)])

    summarised = ask(database_url, cache, "points_by_quantile", {"quantiles": 7})

    assert summarised.rows == ask(database_url, cache, "points_by_quantile", {"quantiles": 7}, queries=from_points).rows
    assert [row["quantile"] for row in summarised.rows] == list(range(1, 8))


def test_sums_are_those_of_duckdb_to_the_last_bit() -> None:
    generator = np.random.default_rng(0)
    count = np.array([1, 5000, 2, 2049, 700])
    values = (10.0 ** generator.uniform(-30, 3, count.sum())).astype(np.float32)
    group = np.repeat(np.arange(len(count)), count)
    table = pa.table({"g": group, "i": np.arange(len(values)), "v": values})

    first = np.cumsum(count) - count
    total, error = summaries.kahan_sums(values.astype(np.float64), first, count)

    with duckdb.connect() as connection:
        connection.register("given", table)
        expected = connection.execute(
            "SELECT fsum(v ORDER BY i) AS total, favg(v ORDER BY i) AS mean FROM given GROUP BY g ORDER BY g"
        ).fetchnumpy()
    assert (total - error).tolist() == expected["total"].tolist()
    assert (total / count - error / count).tolist() == expected["mean"].tolist()


def test_ranks_of_planted_values_are_known() -> None:
    model = np.array([0, 0, 0, 0, 3, 3])
    value = np.array([2.0, -0.0, 0.0, 5.0, 1.0, 1.0], dtype=np.float32)

    assert summaries.doubled_midranks(model, value).tolist() == [6, 3, 3, 8, 3, 3]


def test_a_replaced_result_has_the_summaries_of_its_new_points(
    engine: sa.Engine, database_url: str, cache: Path
) -> None:
    model, other = add_models(engine, [{"seed": seed, "points": points(10)} for seed in range(2)])
    sync(database_url, cache)

    replace_result(engine, model, points=points(20, correct=False))
    sync(database_url, cache)

    query = "SELECT model_id, n_right, n_wrong FROM model_point_ranks WHERE metric = 'jacobian_norm' ORDER BY ALL"
    assert mirrored(database_url, cache, query) == [(model, 0, 20), (other, 10, 0)]
    groups = "SELECT model_id, max(n_points) FROM model_point_quantiles WHERE n_groups = 10 GROUP BY ALL ORDER BY ALL"
    assert mirrored(database_url, cache, groups) == [(model, 2), (other, 1)]


def test_summaries_of_another_version_are_computed_anew_without_copying(
    engine: sa.Engine, database_url: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_models(engine, [{"points": points(5)}])
    made = sync(database_url, cache)
    monkeypatch.setattr(summaries, "VERSION", -1)
    told: list[tuple[int, int]] = []
    counted = summaries.summarise

    def counting(table: pa.Table) -> summaries.Summaries:
        told.append((table.num_rows, -1))
        return counted(table)

    monkeypatch.setattr(summaries, "summarise", counting)
    renewed = sync(database_url, cache, progress=lambda done, total: told.append((done, total)))

    assert told == [(5, -1), (0, 0)]
    assert [segment.summary_version for segment in renewed.segments] == [-1]
    assert renewed.segments[0].file == made.segments[0].file


def test_summaries_that_are_gone_are_computed_anew(engine: sa.Engine, database_url: str, cache: Path) -> None:
    add_models(engine, [{"points": points(5)}])
    made = sync(database_url, cache)
    path = mirror_folder(cache, made.identity) / made.segments[0].ranks
    before = pq.read_table(path)
    path.unlink()

    assert sync(database_url, cache).segments == made.segments
    assert pq.read_table(path).equals(before)


@pytest.mark.parametrize("sizes", [[70_000], [3, 65_533], [65_536], [1, 70_000, 2]], ids=str)
@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_ranks_are_scipys_on_either_side_of_what_one_sort_holds(sizes: list[int], kind: type) -> None:
    draws = np.random.default_rng(3)
    model = np.repeat(np.arange(len(sizes)), sizes)
    value = draws.choice([-3.5, -1.0, -0.0, 0.0, 2.0, *draws.normal(size=5_000)], size=len(model)).astype(kind)

    ranks = summaries.doubled_midranks(model, value)

    for number in range(len(sizes)):
        assert np.array_equal(ranks[model == number], 2 * scipy.stats.rankdata(value[model == number]))


def test_ranks_of_models_with_large_numbers_are_those_of_the_same_models_with_small_ones() -> None:
    model, value = np.repeat([0, 1, 2], 5), np.tile(np.array([2, 1, 1, 3, 0], dtype=np.float32), 3)

    assert np.array_equal(
        summaries.doubled_midranks(model * summaries.BLOCK_ROWS, value), summaries.doubled_midranks(model, value)
    )
