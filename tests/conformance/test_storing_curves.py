"""Trajectories and region slices are stored with their result, kept or replaced with it, and never beside it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.errors import ShapeError
from sensdb.jobs.queue import Queue
from sensdb.results.artifacts import Artifact
from sensdb.results.writer import store
from tests.conformance.factories import a_result, claim_one, enqueue, keep_weights, query, scalar, some_specs, states

KINDS = ("random", "different_classes", "same_class")


def curves(n: int = 2, places: int = 3, level: float = 1.0) -> dict[str, np.ndarray]:
    """n trajectories; the norm at place p of trajectory t is level + t + p / 4."""
    trajectory, position = np.repeat(np.arange(n), places), np.tile(np.arange(places), n)
    norm = level + trajectory + position / 4
    return {
        "trajectory": trajectory,
        "position": position,
        "kind": np.array(KINDS)[trajectory % 3],
        "angle": position * 0.5,
        "jacobian_norm": norm,
        "log10_jacobian_norm": np.log10(norm),
        "transitions": trajectory + position,
    }


def slices(n_regions: int = 5) -> list[dict[str, object]]:
    return [
        {
            "slice": 0,
            "moment": moment,
            "scope": scope,
            "method": "exact",
            "n_regions": n_regions,
            "density_at_points": 0.1,
            "density_mean": 1 / 3,
        }
        for moment in ("before", "after")
        for scope in ("last_hidden", "all")
    ]


def n_rows(engine: sa.Engine) -> tuple[int, int]:
    return (
        scalar(engine, "select count(*) from trajectory_metrics"),
        scalar(engine, "select count(*) from region_slices"),
    )


def test_every_row_is_stored_with_the_result(queue: Queue) -> None:
    enqueue(queue, some_specs(2))
    jobs = queue.claim("worker", 2)

    store(queue, [a_result(job, trajectories=curves(), regions=slices()) for job in jobs])

    assert n_rows(queue.engine) == (12, 8)
    stored = query(
        queue.engine,
        "select trajectory, position, kind, angle, jacobian_norm, transitions from trajectory_metrics"
        " where model_id = 2 order by 1, 2",
    )
    assert stored[:2] == [(0, 0, "random", 0.0, 1.0, 0), (0, 1, "random", 0.5, 1.25, 1)]
    assert stored[-1] == (1, 2, "different_classes", 1.0, 2.5, 3)
    assert query(
        queue.engine,
        "select slice, moment, scope, method, n_regions, density_at_points, density_mean, artifact_id"
        " from region_slices where model_id = 1 order by moment, scope limit 1",
    ) == [(0, "after", "all", "exact", 5, 0.1, 1 / 3, None)]


def test_numbers_that_do_not_exist_or_do_not_fit_are_null_or_zero(queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    given = curves(1, 3) | {
        "jacobian_norm": np.array([1e-50, math.inf, 0.1]),
        "log10_jacobian_norm": np.array([-50.0, math.nan, -1.0]),
        "transitions": np.array([1, -1, 3]),
    }

    store(queue, [a_result(claim_one(queue), trajectories=given)])

    assert query(
        queue.engine,
        "select jacobian_norm, log10_jacobian_norm, transitions from trajectory_metrics order by position",
    ) == [(0.0, -50.0, 1), (None, None, None), (pytest.approx(0.1, rel=1e-7), -1.0, 3)]


def test_a_result_without_them_stores_none(queue: Queue) -> None:
    enqueue(queue, some_specs(1))

    store(queue, [a_result(claim_one(queue))])

    assert n_rows(queue.engine) == (0, 0)


def test_training_again_takes_out_what_is_not_measured_again(queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    store(queue, [a_result(claim_one(queue), trajectories=curves(), regions=slices())])
    queue.retry(model_ids=[1], retrain=True)

    store(queue, [a_result(claim_one(queue))])

    assert n_rows(queue.engine) == (0, 0)


def test_measuring_again_keeps_what_is_not_measured_anew_and_replaces_what_is(queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    store(queue, [a_result(claim_one(queue), trajectories=curves(), regions=slices(5))])
    keep_weights(queue.engine, 1)

    queue.measure(model_ids=[1])
    store(queue, [a_result(claim_one(queue), regions=slices(7)[2:])])

    assert n_rows(queue.engine) == (6, 2)
    assert query(queue.engine, "select distinct n_regions from region_slices") == [(7,)]

    queue.measure(model_ids=[1])
    store(queue, [a_result(claim_one(queue), trajectories=curves(1, level=9.0))])

    assert n_rows(queue.engine) == (3, 2)
    assert scalar(queue.engine, "select min(jacobian_norm) from trajectory_metrics") == 9.0


def a_file(content: str) -> Artifact:
    """A stored file of pictures; content stands for it."""
    return Artifact("regions", f"identity/regions/{content}.npz", content * 64, 100)


def test_rows_name_the_file_that_came_with_them(queue: Queue) -> None:
    enqueue(queue, some_specs(2))
    jobs = queue.claim("worker", 2)

    files = [[a_file("a")], []]
    store(queue, [a_result(job, regions=slices(), artifacts=file) for job, file in zip(jobs, files, strict=True)])

    joined = (
        "select distinct r.model_id, a.uri from region_slices r left join artifacts a using (artifact_id) order by 1"
    )
    assert query(queue.engine, joined) == [(1, "identity/regions/a.npz"), (2, None)]


@pytest.mark.parametrize("again", ["measure", "retrain"])
def test_a_new_result_forgets_the_old_file_with_its_rows_and_keeps_weights(queue: Queue, again: str) -> None:
    enqueue(queue, some_specs(1))
    store(queue, [a_result(claim_one(queue), regions=slices(), artifacts=[a_file("a")])])
    keep_weights(queue.engine, 1)
    if again == "measure":
        queue.measure(model_ids=[1])
    else:
        queue.retry(model_ids=[1], retrain=True)

    store(queue, [a_result(claim_one(queue), regions=slices(), artifacts=[a_file("b")])])

    assert query(queue.engine, "select kind, uri from artifacts order by kind") == [
        ("regions", "identity/regions/b.npz"),
        ("weights", "weights/1"),
    ]
    assert scalar(queue.engine, "select count(*) from region_slices join artifacts using (artifact_id)") == 4


def test_training_again_without_slices_forgets_the_file(queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    store(queue, [a_result(claim_one(queue), regions=slices(), artifacts=[a_file("a")])])
    queue.retry(model_ids=[1], retrain=True)

    store(queue, [a_result(claim_one(queue))])

    assert scalar(queue.engine, "select count(*) from artifacts") == 0


def test_measuring_something_else_keeps_rows_and_file(queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    store(queue, [a_result(claim_one(queue), regions=slices(), artifacts=[a_file("a")])])
    keep_weights(queue.engine, 1)
    queue.measure(model_ids=[1])

    store(queue, [a_result(claim_one(queue))])

    assert scalar(queue.engine, "select count(*) from region_slices join artifacts using (artifact_id)") == 4


def test_the_fence_keeps_late_rows_out(queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    job = claim_one(queue)
    queue.release([(job.model_id, job.attempt)])

    assert store(queue, [a_result(job, trajectories=curves(), regions=slices())]) == []

    assert n_rows(queue.engine) == (0, 0)
    assert states(queue.engine) == ["queued"]


def test_trajectories_count_among_the_rows_of_a_transaction(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensdb.results.writer.ROWS_AT_ONCE", 8)
    enqueue(queue, some_specs(2))
    good, bad = queue.claim("worker", 2)
    broken = [slices()[0] | {"moment": "never"}]
    results = [a_result(good, trajectories=curves()), a_result(bad, trajectories=curves(), regions=broken)]

    with pytest.raises(sa.exc.DBAPIError):  # the second transaction breaks a CHECK, the first has been committed
        store(queue, results)

    assert n_rows(queue.engine) == (6, 0)
    assert states(queue.engine) == ["done", "running"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position": np.zeros(6, dtype=np.int64)}, "trajectories of model 1: a position is there twice."),
        ({"angle": np.zeros(5)}, "trajectories of model 1: angle has shape (5,), trajectory (6,)."),
        ({"kind": np.array(["circle"] * 6)}, "trajectories of model 1: no kind 'circle'."),
        ({"speed": np.zeros(6)}, "trajectories of model 1: no metric 'speed'."),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_what_is_wrong(
    queue: Queue, change: dict[str, np.ndarray], message: str
) -> None:
    enqueue(queue, some_specs(1))

    with pytest.raises(ShapeError) as raised:
        store(queue, [a_result(claim_one(queue), trajectories=curves() | change)])

    assert raised.value.message == message
    assert states(queue.engine) == ["running"]


def test_every_column_but_the_artifact_can_be_given(queue: Queue) -> None:
    trajectory_columns = {column.name for column in schema.trajectory_metrics.columns}
    region_columns = {column.name for column in schema.region_slices.columns}

    assert {"model_id", *curves()} == trajectory_columns
    assert {"model_id", "artifact_id", *slices()[0]} == region_columns
