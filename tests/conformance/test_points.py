"""Point rows are the same on both databases, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine
from sensdb.definitions.metrics import POINT_METRICS
from sensdb.jobs.queue import Queue
from sensdb.results.writer import store
from tests.conformance.factories import a_result, claim_one, enqueue, query, some_specs

ODD = [
    0.0,
    -0.0,
    1e-50,
    -1e-39,
    1.19e-38,
    1.2e-38,
    1.3e-38,
    0.1,
    1 / 3,
    3.4e38,
    3.5e38,
    -7e300,
    np.inf,
    -np.inf,
    np.nan,
]


@pytest.fixture
def queues(sqlite_url: str, postgresql_url: str) -> Iterator[list[Queue]]:
    """The same queue on SQLite and on PostgreSQL."""
    engines = [open_engine(url) for url in (sqlite_url, postgresql_url)]
    yield [Queue(engine) for engine in engines]
    for engine in engines:
        engine.dispose()


def _stored(queue: Queue) -> list[list[object]]:
    """All point rows, floats as the bits of their 4 bytes."""
    names = ", ".join(metric.name for metric in POINT_METRICS)
    rows = query(queue.engine, f"select point_index, {names} from point_metrics order by point_index")
    return [[np.float32(value).tobytes() if isinstance(value, float) else value for value in row] for row in rows]


def _store_points(queue: Queue, points: dict[str, np.ndarray]) -> None:
    enqueue(queue, some_specs(1))
    store(queue, [a_result(claim_one(queue), points=points)])


def _odd_points() -> dict[str, np.ndarray]:
    """Every kind of number in every column, NULLs in many patterns."""
    n_points = 200
    draw = np.random.default_rng(0)
    points: dict[str, np.ndarray] = {"point_index": draw.permutation(n_points)}
    for place, metric in enumerate(POINT_METRICS):
        if metric.storage == "real4":
            numbers = np.concatenate([ODD, draw.lognormal(0, 30, n_points - len(ODD))])
            points[metric.name] = np.roll(numbers, place)
        elif metric.storage == "boolean":
            points[metric.name] = draw.random(n_points) < 0.5
        else:
            points[metric.name] = np.where(np.arange(n_points) % 7 == 0, -1, draw.integers(0, 2**31, n_points))
    return points


def test_point_rows_are_equal_on_both_databases_bit_for_bit(queues: list[Queue]) -> None:
    for queue in queues:
        _store_points(queue, _odd_points())

    on_sqlite, on_postgresql = map(_stored, queues)

    assert on_sqlite == on_postgresql
    assert len(on_sqlite) == 200


def test_reals_are_rounded_to_four_bytes_flushed_below_the_smallest_and_null_beyond_the_largest(
    queues: list[Queue],
) -> None:
    for queue in queues:
        _store_points(queue, {"point_index": np.arange(len(ODD)), "margin": np.array(ODD)})

        stored = [value for (value,) in query(queue.engine, "select margin from point_metrics order by point_index")]

        small, rest = stored[:7], stored[7:]
        assert small[:5] == [0.0] * 5
        assert [np.float32(value) for value in small[5:]] == [np.float32(1.2e-38), np.float32(1.3e-38)]
        assert [np.float32(value) for value in rest[:3]] == [np.float32(0.1), np.float32(1 / 3), np.float32(3.4e38)]
        assert rest[3:] == [None] * 5


def test_no_stored_zero_is_negative(queues: list[Queue]) -> None:
    for queue in queues:
        _store_points(queue, {"point_index": np.arange(3), "margin": np.array([-0.0, -1e-50, 0.0])})

        stored = [value for (value,) in query(queue.engine, "select margin from point_metrics")]

        assert [str(value) for value in stored] == ["0.0"] * 3


def test_transitions_not_counted_are_null(queues: list[Queue]) -> None:
    for queue in queues:
        _store_points(queue, {"point_index": np.arange(3), "transitions": np.array([5, -1, 0])})

        assert query(queue.engine, "select transitions from point_metrics order by 1 nulls last") == [
            (0,),
            (5,),
            (None,),
        ]


def test_rows_of_a_real_measurement_keep_their_types(queues: list[Queue]) -> None:
    for queue in queues:
        points = {"point_index": np.arange(2), "label": np.array([3, 4]), "correct": np.array([True, False])}
        points["loss"] = np.array([0.5, 0.25], dtype=np.float32)
        _store_points(queue, points)

        with queue.engine.connect() as connection:
            kinds = connection.execute(sa.text("select label, correct, loss from point_metrics order by point_index"))
            assert [tuple(row) for row in kinds] == [(3, True, 0.5), (4, False, 0.25)]
