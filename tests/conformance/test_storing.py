"""Results are stored whole or not at all, and replaced whole (promises P4, P5 of the queue)."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import sqlalchemy as sa

from sensdb.definitions.metrics import MODEL_METRICS
from sensdb.errors import DatabaseError, DataError, ShapeError
from sensdb.jobs.queue import Queue
from sensdb.results.writer import record_dataset, store
from tests.conformance.factories import (
    INFOS,
    a_result,
    all_metrics,
    all_points,
    claim_one,
    enqueue,
    execute,
    forbid_points,
    job_row,
    keep_weights,
    pairs,
    query,
    scalar,
    some_specs,
    states,
)
from tests.conformance.processes import in_processes, work_everything

STORED = ("model_metrics", "point_metrics", "trajectory_metrics", "artifacts")


def _row_counts(engine: sa.Engine) -> list[int]:
    return [scalar(engine, f"select count(*) from {table}") for table in STORED]


class TestOneTransaction:
    def test_p4_a_finish_ends_the_job_and_stores_every_row(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        jobs = queue.claim("worker", 2)

        accepted = store(queue, [a_result(job, n_points=5) for job in jobs])

        assert accepted == pairs(jobs)
        assert states(queue.engine) == ["done", "done"]
        assert _row_counts(queue.engine) == [2, 10, 0, 0]
        assert query(queue.engine, "select outcome, ended_at is not null from attempts") == [("done", True)] * 2

    @pytest.mark.parametrize("place", [0, 4])
    def test_p4_an_error_among_the_points_leaves_the_job_running_and_no_row(self, queue: Queue, place: int) -> None:
        forbid_points(queue.engine, place)
        enqueue(queue, some_specs(2))
        jobs = queue.claim("worker", 2)

        with pytest.raises((DatabaseError, sa.exc.IntegrityError), match="no space left"):
            store(queue, [a_result(jobs[0], n_points=1 if place else 0), a_result(jobs[1], n_points=5)])

        assert states(queue.engine) == ["running", "running"]
        assert _row_counts(queue.engine) == [0, 0, 0, 0]
        assert query(queue.engine, "select distinct outcome from attempts") == [(None,)]

    def test_p4_an_error_in_one_models_metrics_stores_none_of_its_batch(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        jobs = queue.claim("worker", 2)
        wrong = a_result(jobs[1], metrics=all_metrics() | {"stop_reason": "boredom"})

        with pytest.raises(sa.exc.IntegrityError):
            store(queue, [a_result(jobs[0]), wrong])

        assert states(queue.engine) == ["running", "running"]
        assert _row_counts(queue.engine) == [0, 0, 0, 0]

    def test_points_of_different_lengths_are_refused_before_anything_is_written(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        points = all_points(3) | {"loss": np.zeros(4)}

        with pytest.raises(ShapeError, match=r"points of model 1: loss has shape \(4,\), point_index \(3,\)\."):
            store(queue, [a_result(job, points=points)])

        assert states(queue.engine) == ["running"]


class TestVisibility:
    def test_p5_every_reader_sees_all_points_of_a_result_or_no_result(self, queue: Queue) -> None:
        enqueue(queue, some_specs(24))
        jobs = queue.claim("worker", 24)
        halves: list[object] = []
        seen: set[int] = set()
        writer = threading.Thread(
            target=lambda: [
                store(queue, [a_result(job, n_points=500) for job in jobs[start : start + 4]])
                for start in range(0, 24, 4)
            ]
        )

        writer.start()
        while writer.is_alive() or 24 not in seen:
            rows = query(
                queue.engine,
                "select m.n_points_stored, count(p.point_index) from model_metrics m"
                " left join point_metrics p on p.model_id = m.model_id group by m.model_id, m.n_points_stored",
            )
            halves += [row for row in rows if row[0] != row[1]]
            seen.add(len(rows))
        writer.join()

        assert halves == []
        assert all(number % 4 == 0 for number in seen)

    def test_p5_a_replaced_result_is_never_seen_without_its_points(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        store(queue, [a_result(claim_one(queue), n_points=100)])
        wrong: list[object] = []

        def replace() -> None:
            for n_points in (200, 300, 400, 500):
                queue.retry(model_ids=[1], retrain=True)
                store(queue, [a_result(claim_one(queue), n_points=n_points)])

        writer = threading.Thread(target=replace)
        writer.start()
        while writer.is_alive():
            rows = query(
                queue.engine,
                "select m.n_points_stored, count(*), min(p.loss), m.attempt from model_metrics m"
                " join point_metrics p on p.model_id = m.model_id group by m.n_points_stored, m.attempt",
            )
            wrong += [row for row in rows if row[0] != row[1] or row[2] != row[3]]
            wrong += [rows] if len(rows) != 1 else []
        writer.join()

        assert wrong == []
        assert scalar(queue.engine, "select n_points_stored from model_metrics") == 500

    def test_several_processes_store_each_model_once(self, queue: Queue, database_url: str) -> None:
        enqueue(queue, some_specs(60))

        stored = in_processes(work_everything, 4, database_url, 8)

        assert sum(stored) == 60
        assert set(states(queue.engine)) == {"done"}
        assert _row_counts(queue.engine)[:2] == [60, 180]
        assert query(queue.engine, "select count(*) from attempts where outcome = 'done'") == [(60,)]


class TestRepeats:
    def test_storing_the_same_result_again_counts_as_stored(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        result = a_result(claim_one(queue))

        assert store(queue, [result]) == [result.pair]
        assert store(queue, [result]) == [result.pair]
        assert _row_counts(queue.engine)[:2] == [1, 3]

    def test_another_result_of_the_same_attempt_is_refused(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        store(queue, [a_result(job)])

        assert store(queue, [a_result(job)]) == []

    def test_large_batches_are_cut_at_64_models_and_100_000_points(self, queue: Queue) -> None:
        enqueue(queue, some_specs(70))
        jobs = queue.claim("worker", 70)
        forbid_points(queue.engine, 60_000)
        sizes = [0] * 65 + [50_000, 50_000, 60_001]

        with pytest.raises((DatabaseError, sa.exc.IntegrityError)):
            store(queue, [a_result(job, size) for job, size in zip(jobs, sizes, strict=False)])

        assert states(queue.engine).count("done") == 67
        assert store(queue, []) == []


class TestWhatIsStored:
    def test_every_metric_reaches_its_column(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        metrics = all_metrics() | {"steps": 12_345, "fitted": False, "test_loss": 1.5e-300}
        job = claim_one(queue)

        store(queue, [a_result(job, metrics=metrics, engine_version="3", device_class="cpu-avx2")])

        names = ", ".join(metric.name for metric in MODEL_METRICS)
        (row,) = query(queue.engine, f"select {names} from model_metrics")
        assert dict(zip(names.split(", "), row, strict=True)) == metrics | {"n_points_stored": 3}
        about = query(queue.engine, "select attempt, engine_version, device_class, measured_on from model_metrics")
        assert about == [(1, "3", "cpu-avx2", "cpu-avx2")]

    def test_numbers_that_do_not_exist_become_null(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        metrics = all_metrics() | {"train_loss": np.float32("nan"), "test_loss": float("-inf"), "steps": None}

        store(queue, [a_result(claim_one(queue), metrics=metrics)])

        assert query(queue.engine, "select train_loss, test_loss, steps from model_metrics") == [(None, None, None)]

    def test_numpy_scalars_are_taken(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        metrics = all_metrics() | {"steps": np.int64(9), "fitted": np.bool_(True), "train_loss": np.float32(0.25)}

        store(queue, [a_result(claim_one(queue), metrics=metrics)])

        assert query(queue.engine, "select steps, fitted, train_loss from model_metrics") == [(9, True, 0.25)]

    def test_a_result_without_points_stores_none_and_counts_none(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))

        store(queue, [a_result(claim_one(queue), points=None)])

        assert query(queue.engine, "select n_points_stored from model_metrics") == [(0,)]

    def test_metrics_left_out_are_null(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))

        points = {"point_index": np.arange(2), "loss": np.array([0.5, 1.5])}
        store(queue, [a_result(claim_one(queue), metrics={"steps": 1}, points=points)])

        assert query(queue.engine, "select steps, fitted, train_loss from model_metrics") == [(1, None, None)]
        stored = query(queue.engine, "select point_index, loss, margin, transitions from point_metrics order by 1")
        assert stored == [(0, 0.5, None, None), (1, 1.5, None, None)]


class TestReplacing:
    def test_training_again_replaces_every_row_but_never_weights(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        store(queue, [a_result(claim_one(queue), n_points=5)])
        keep_weights(queue.engine, 1)
        (first,) = query(queue.engine, "select result_id from model_metrics")
        execute(
            queue.engine,
            "insert into trajectory_metrics (model_id, trajectory, position, kind) values (1, 0, 0, 'random')",
        )
        queue.retry(model_ids=[1], retrain=True)

        store(queue, [a_result(claim_one(queue), points={"point_index": np.arange(2)}, metrics={"steps": 1})])

        assert _row_counts(queue.engine) == [1, 2, 0, 1]
        (again,) = query(queue.engine, "select result_id from model_metrics")
        assert again != first
        assert query(queue.engine, "select attempt, train_loss, n_points_stored from model_metrics") == [(2, None, 2)]

    def test_measuring_again_carries_over_training_and_what_was_not_measured_anew(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        first = a_result(claim_one(queue), n_points=4, engine_version="1", device_class="cpu-old")
        store(queue, [first])
        keep_weights(queue.engine, 1)
        queue.measure(model_ids=[1])
        points = {"point_index": np.array([3, 1, 7]), "transitions": np.array([30, 10, 70])}

        metrics = {"transitions_mean": 36.0, "test_loss": None}
        given = {"metrics": metrics, "points": points, "engine_version": "2", "device_class": "cuda-new"}
        store(queue, [a_result(claim_one(queue), **given)])

        columns = "attempt, train_loss, transitions_mean, test_loss, engine_version, device_class, measured_on"
        stored = query(queue.engine, f"select {columns}, n_points_stored from model_metrics")
        assert stored == [(2, 0.5, 36.0, None, "1", "cpu-old", "cuda-new", 3)]
        by_point = query(
            queue.engine, "select point_index, transitions, loss, label, correct from point_metrics order by 1"
        )
        assert [row[:2] for row in by_point] == [(1, 10), (3, 30), (7, 70)]
        assert [row[2] for row in by_point] == [pytest.approx(1.1), pytest.approx(1.3), None]
        assert [row[3:] for row in by_point] == [(1, True), (1, True), (None, None)]
        assert job_row(queue.engine, 1)["state"] == "done"

    def test_measuring_again_without_points_keeps_the_stored_ones(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        store(queue, [a_result(claim_one(queue), n_points=4)])
        keep_weights(queue.engine, 1)
        queue.measure(model_ids=[1])

        store(queue, [a_result(claim_one(queue), metrics={"weight_norm": 2.0}, points=None)])

        assert _row_counts(queue.engine)[:2] == [1, 4]
        assert query(queue.engine, "select weight_norm, n_points_stored from model_metrics") == [(2.0, 4)]


class TestDatasets:
    def test_a_data_set_is_noted_once_with_its_labels(self, queue: Queue) -> None:
        train, test = np.array([3, 1, 2]), np.array([0, 9])

        for _ in range(2):
            record_dataset(queue.engine, INFOS["digits"], "a" * 64, train, test)

        assert query(queue.engine, "select dataset, name, n_train, n_classes, checksum from datasets") == [
            ("digits", "digits", 1200, 10, "a" * 64)
        ]
        assert query(queue.engine, "select split, point_index, label from dataset_points order by 1 desc, 2") == [
            ("train", 0, 3),
            ("train", 1, 1),
            ("train", 2, 2),
            ("test", 0, 0),
            ("test", 1, 9),
        ]

    def test_other_arrays_under_the_same_name_are_refused(self, queue: Queue) -> None:
        record_dataset(queue.engine, INFOS["digits"], "a" * 64, np.array([1]), np.array([1]))

        with pytest.raises(DataError) as raised:
            record_dataset(queue.engine, INFOS["digits"], "b" * 64, np.array([1]), np.array([1]))

        assert raised.value.message == (
            "data set 'digits' of this host is not the one recorded in the database:"
            " checksum bbbbbbbbbbbb..., recorded aaaaaaaaaaaa..."
        )
        assert raised.value.hint == "sensdb data check digits tells whether this host's files are altered."
