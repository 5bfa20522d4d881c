"""Files are named in the transaction that stores what they belong to, and a model measured again keeps its weights."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sensdb.definitions.measure import MeasureSettings
from sensdb.errors import DatabaseError
from sensdb.jobs.queue import Job, Queue
from sensdb.results.artifacts import Artifact
from sensdb.results.writer import Result, store
from tests.conformance.factories import (
    a_result,
    all_metrics,
    claim_one,
    enqueue,
    expire,
    forbid_points,
    query,
    some_specs,
)

WEIGHTS = Artifact("weights", "w/1", "a" * 64, 7)


def _kept(queue: Queue) -> list[tuple[object, ...]]:
    return query(queue.engine, "select model_id, kind, uri, sha256, bytes from artifacts order by artifact_id")


def _with_weights(job: Job, **fields: object) -> Result:
    return a_result(job, artifacts=(WEIGHTS,), **fields)


def test_p4_a_file_is_named_with_its_result(queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    result = _with_weights(claim_one(queue))

    assert store(queue, [result]) == store(queue, [result]) == [(1, 1)]
    assert _kept(queue) == [(1, "weights", "w/1", "a" * 64, 7)]


def test_p4_a_result_that_fails_names_no_file(queue: Queue) -> None:
    forbid_points(queue.engine, 1)
    enqueue(queue, some_specs(1))

    with pytest.raises((DatabaseError, sa.exc.IntegrityError)):
        store(queue, [_with_weights(claim_one(queue))])

    assert _kept(queue) == []


def test_p7_a_late_result_names_no_file(queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    job = claim_one(queue)
    expire(queue.engine, 1)
    queue.reap()

    assert store(queue, [_with_weights(job)]) == []
    assert _kept(queue) == []


def test_measuring_again_keeps_the_weights_and_takes_the_gap_anew(queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    metrics = all_metrics() | {"train_accuracy": 1.0, "test_accuracy": 0.75, "generalization_gap": 0.25}
    store(queue, [_with_weights(claim_one(queue), metrics=metrics)])
    queue.measure(model_ids=[1])

    store(queue, [a_result(claim_one(queue), metrics={"test_accuracy": 0.5})])

    gaps = query(queue.engine, "select train_accuracy, test_accuracy, generalization_gap from model_metrics")
    assert gaps == [(1.0, 0.5, 0.5)]
    assert len(_kept(queue)) == 1


@pytest.mark.parametrize("kept", [True, False])
def test_training_again_is_to_keep_weights_where_there_are_some(queue: Queue, kept: bool) -> None:
    enqueue(queue, some_specs(1), measure=MeasureSettings(points=5))
    store(queue, [a_result(claim_one(queue), artifacts=(WEIGHTS,) if kept else ())])

    assert queue.retry(model_ids=[1], retrain=True) == 1
    assert claim_one(queue).measure == MeasureSettings(points=5, keep_weights=kept)


def test_new_weights_take_the_place_of_the_old(queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    store(queue, [_with_weights(claim_one(queue))])
    queue.retry(model_ids=[1], retrain=True)

    store(queue, [a_result(claim_one(queue), artifacts=(Artifact("weights", "w/2", "b" * 64, 8),))])

    assert _kept(queue) == [(1, "weights", "w/2", "b" * 64, 8)]
