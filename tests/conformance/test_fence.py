"""What a worker may still do to a job, and when nothing more (promises P3, P6, P7, P9, P14 of the queue)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine
from sensdb.jobs.queue import Job, Queue
from sensdb.jobs.transactions import transact
from sensdb.results.writer import store
from tests.conformance.factories import (
    a_result,
    a_worker,
    claim_one,
    enqueue,
    expire,
    job_row,
    make_due,
    pairs,
    query,
    scalar,
    some_specs,
    states,
)

Call = Callable[[Queue, Job], object]

ENDINGS: dict[str, Call] = {
    "finish": lambda queue, job: store(queue, [a_result(job)]),
    "fail": lambda queue, job: queue.fail(pairs([job]), "ValueError", "late", "traceback"),
    "fail for good": lambda queue, job: queue.fail(pairs([job]), "ValueError", "late", "traceback", permanent=True),
    "release": lambda queue, job: queue.release(pairs([job])),
}


def _reaped_and_queued(queue: Queue, job: Job) -> None:
    expire(queue.engine, job.model_id)
    queue.reap()


def _reaped_and_running_elsewhere(queue: Queue, job: Job) -> None:
    _reaped_and_queued(queue, job)
    claim_one(queue, "other")


def _reaped_and_done_elsewhere(queue: Queue, job: Job) -> None:
    _reaped_and_queued(queue, job)
    store(queue, [a_result(claim_one(queue, "other"))])


def _ended_by_itself(queue: Queue, job: Job) -> None:
    store(queue, [a_result(job)])


def everything(engine: sa.Engine) -> list[object]:
    """What a late message must not change."""
    tables = {"jobs": "model_id", "attempts": "model_id, attempt", "model_metrics": "model_id"}
    tables["point_metrics"] = "model_id, point_index"
    return [query(engine, f"select * from {table} order by {order}") for table, order in tables.items()]


class TestFence:
    @pytest.mark.parametrize("call", ENDINGS.values(), ids=ENDINGS.keys())
    @pytest.mark.parametrize(
        "meanwhile",
        [_reaped_and_queued, _reaped_and_running_elsewhere, _reaped_and_done_elsewhere, _ended_by_itself],
        ids=lambda case: case.__name__.strip("_"),
    )
    def test_p3_p7_a_late_message_changes_nothing(self, queue: Queue, meanwhile: Call, call: Call) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        meanwhile(queue, job)
        before = everything(queue.engine)

        accepted = call(queue, job)

        assert accepted == []
        assert everything(queue.engine) == before

    def test_p3_the_answer_names_those_that_were_still_the_callers(self, queue: Queue) -> None:
        enqueue(queue, some_specs(4))
        jobs = queue.claim("worker", 4)
        _reaped_and_queued(queue, jobs[1])

        accepted = store(queue, [a_result(job) for job in jobs])

        assert accepted == pairs([jobs[0], jobs[2], jobs[3]])
        assert states(queue.engine) == ["done", "queued", "done", "done"]

    def test_p3_an_attempt_that_never_was_is_refused(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)

        assert queue.release([(job.model_id, 2), (99, 1)]) == []
        assert queue.release([]) == []
        assert queue.attempt_outcome([(job.model_id, 1), (99, 1)]) == {(job.model_id, 1): None}

    def test_p7_a_beat_renews_nothing_of_the_new_owner(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        _reaped_and_running_elsewhere(queue, job)
        before = job_row(queue.engine, job.model_id)

        assert queue.beat("worker") == []
        assert job_row(queue.engine, job.model_id) == before

    def test_p7_a_lapsed_lease_that_nobody_reaped_is_renewed_and_finished(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        expire(queue.engine, job.model_id)

        assert [beat[:2] for beat in queue.beat("worker")] == pairs([job])
        assert queue.reap() == []
        assert store(queue, [a_result(job)]) == pairs([job])

    def test_attempt_outcomes_say_how_each_ended(self, queue: Queue) -> None:
        enqueue(queue, some_specs(5))
        jobs = queue.claim("worker", 5)
        store(queue, [a_result(jobs[0])])
        queue.fail(pairs(jobs[1:2]), "E", "", "")
        queue.release(pairs(jobs[2:3]))
        _reaped_and_queued(queue, jobs[3])

        outcomes = queue.attempt_outcome(pairs(jobs))

        assert list(outcomes.values()) == ["done", "failed", "released", "lost", None]


class TestBeat:
    def test_a_beat_renews_all_jobs_of_the_worker_and_no_others(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3))
        mine, other = queue.claim("worker", 2), claim_one(queue, "other")
        expire(queue.engine, *(job.model_id for job in [*mine, other]))

        beats = queue.beat("worker")

        assert [beat[:2] for beat in beats] == pairs(mine)
        assert [job.model_id for job in queue.reap()] == [other.model_id]

    def test_a_beat_notes_when_the_worker_was_heard_from_and_what_it_has_done(self, queue: Queue) -> None:
        queue.register_worker(a_worker())

        queue.beat("worker", models_done=3, model_steps_per_second=1e6)
        queue.beat("worker")

        (worker,) = queue.workers()
        assert (worker["models_done"], worker["model_steps_per_second"]) == (3, 1e6)
        assert worker["condition"] == "running"

    def test_workers_are_running_lost_or_stopped(self, queue: Queue) -> None:
        for worker_id in ("lost", "running", "stopped"):
            queue.register_worker(a_worker(worker_id))
        queue.stop_worker("stopped", models_done=5)
        past = "update workers set beat_at = '2020-01-01 00:00:00.000000' where worker_id = 'lost'"
        with queue.engine.connect().execution_options(writes=True) as connection, connection.begin():
            connection.exec_driver_sql(past)

        conditions = {worker["worker_id"]: worker["condition"] for worker in queue.workers(stopped=True)}

        assert conditions == {"lost": "lost", "running": "running", "stopped": "stopped"}
        assert [worker["worker_id"] for worker in queue.workers()] == ["running", "lost"]


class TestDatabaseTime:
    def test_p6_a_worker_whose_clock_is_a_day_off_gets_the_same_leases(
        self, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enqueue(queue, some_specs(1))
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 86_400)

        job = claim_one(queue)

        assert _seconds_left(queue, job) == pytest.approx(queue.settings.lease_seconds, abs=30)
        queue.beat("worker")
        assert _seconds_left(queue, job) == pytest.approx(queue.settings.lease_seconds, abs=30)
        assert queue.reap() == []

    def test_p6_a_backoff_ends_by_the_databases_clock(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        queue.fail(pairs([claim_one(queue)]), "E", "", "")

        assert queue.claim("worker", 1) == []
        make_due(queue.engine)
        assert claim_one(queue).attempt == 2


class TestRelease:
    def test_p9_a_released_job_is_back_at_once_at_its_place_uncharged(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3))
        first = claim_one(queue)
        before = job_row(queue.engine, first.model_id)

        assert queue.release(pairs([first])) == pairs([first])

        row = job_row(queue.engine, first.model_id)
        assert (row["exceptions"], row["losses"], row["run_after"]) == (0, 0, before["run_after"])
        again = claim_one(queue)
        assert (again.model_id, again.attempt) == (first.model_id, 2)


class TestNoOpenTransactions:
    def test_p14_nothing_is_open_between_two_calls(self, queue: Queue, database_url: str) -> None:
        enqueue(queue, some_specs(2))
        worker = Queue(open_engine(database_url, application_name="p14", pool_size=1))

        worker.claim("worker", 1)

        if queue.engine.dialect.name == "sqlite":
            # Another may write at once.
            assert queue.claim("other", 1)
        else:
            assert queue.engine.dialect.name == "postgresql"
            open_ones = (
                "select count(*) from pg_stat_activity where application_name = 'p14' and xact_start is not null"
            )
            assert scalar(queue.engine, open_ones) == 0
        worker.engine.dispose()

    def test_p14_each_writing_transaction_has_its_limits(self, queue: Queue) -> None:
        if queue.engine.dialect.name == "sqlite":
            assert queue.dialect.limits(300) is None
            return
        assert queue.engine.dialect.name == "postgresql"
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")

        limits = transact(
            queue.engine,
            lambda connection: [connection.exec_driver_sql(f"show {name}").scalar() for name in names],
            statement_seconds=300,
        )

        assert limits == ["5min", "10s", "1min"]


def _seconds_left(queue: Queue, job: Job) -> float:
    """The lease's rest by the database's own clock."""
    now = queue.dialect.now
    text = f"select extract(epoch from lease_until - {now}) from jobs where model_id = :id"
    if queue.engine.dialect.name == "sqlite":
        text = f"select (julianday(lease_until) - julianday({now})) * 86400 from jobs where model_id = :id"
    return float(scalar(queue.engine, text, id=job.model_id))
