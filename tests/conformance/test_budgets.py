"""What is charged to a job, and when it is given up (promise P8 of the queue)."""

from __future__ import annotations

from typing import Any

import pytest

from sensdb.jobs.queue import Queue
from sensdb.results.writer import store
from tests.conformance.factories import (
    Draws,
    a_result,
    a_worker,
    claim_one,
    enqueue,
    execute,
    expire,
    job_row,
    make_due,
    pairs,
    query,
    some_specs,
    states,
)


def _lose(queue: Queue) -> None:
    expire(queue.engine, claim_one(queue).model_id)
    queue.reap()


def _fail(queue: Queue, **more: Any) -> None:
    queue.fail(pairs([claim_one(queue)]), "ValueError", "no convergence", "Traceback ...", **more)
    make_due(queue.engine)


class TestBudgets:
    def test_p8_the_third_exception_ends_a_job_dead(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        seen = []
        for _ in range(3):
            _fail(queue)
            seen += states(queue.engine)

        assert seen == ["queued", "queued", "dead"]

    def test_p8_the_fifth_lost_worker_ends_a_job_dead(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        seen = []
        for _ in range(5):
            _lose(queue)
            seen += states(queue.engine)

        assert seen == ["queued", "queued", "queued", "queued", "dead"]

    def test_p8_neither_budget_uses_up_the_other(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        for _ in range(4):
            _lose(queue)
        for _ in range(2):
            _fail(queue)

        row = job_row(queue.engine, 1)
        assert (row["state"], row["losses"], row["exceptions"]) == ("queued", 4, 2)

    def test_an_error_that_would_come_anywhere_ends_a_job_at_once(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))

        _fail(queue, permanent=True)

        assert states(queue.engine) == ["dead"]

    def test_budgets_are_those_of_the_database(self, queue: Queue) -> None:
        execute(queue.engine, "update queue_settings set exception_budget = 1")
        enqueue(queue, some_specs(1))

        _fail(queue)

        assert states(queue.engine) == ["dead"]

    def test_a_lost_job_is_due_at_once(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))

        _lose(queue)

        assert claim_one(queue).attempt == 2

    def test_the_last_error_is_on_the_attempt_and_in_the_list_of_jobs(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))

        _fail(queue, permanent=True)

        noted = query(queue.engine, "select outcome, error_type, error_message, traceback from attempts")
        assert noted == [("failed", "ValueError", "no convergence", "Traceback ...")]
        (job,) = queue.list_jobs(["dead"])
        assert (job["error_type"], job["error_message"]) == ("ValueError", "no convergence")
        assert (job["traceback"], job["last_worker_id"]) == ("Traceback ...", "worker")

    def test_an_error_text_that_a_database_cannot_hold_is_stored_escaped(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))

        queue.fail(pairs([claim_one(queue)]), "E", "nul \0, half a pair \ud800, 'quotes'", "💥\n" * 1000)

        ((message, trace),) = query(queue.engine, "select error_message, traceback from attempts")
        assert message == "nul \\0, half a pair \\ud800, 'quotes'"
        assert trace == "💥\n" * 1000


class TestBackoff:
    @pytest.mark.parametrize(("exceptions", "longest"), [(0, 30), (1, 120), (5, 3600)])
    def test_the_wait_after_an_exception_grows_by_four_up_to_an_hour(
        self, queue: Queue, exceptions: int, longest: float
    ) -> None:
        execute(queue.engine, "update queue_settings set exception_budget = 100")
        enqueue(queue, some_specs(1))
        execute(queue.engine, f"update jobs set attempt = 50, exceptions = {exceptions}")
        eager, patient = Queue(queue.engine, Draws(0.0)), Queue(queue.engine, Draws(0.999))

        waits = []
        for one in (eager, patient):
            one.fail(pairs([claim_one(one)]), "E", "", "")
            waits.append(_seconds_to_wait(one))
            execute(queue.engine, f"update jobs set exceptions = {exceptions}, attempt = attempt + 100")
            make_due(queue.engine)

        assert waits == pytest.approx([0, 0.999 * longest], abs=2)

    def test_the_wait_is_drawn_anew_each_time(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        for job in queue.claim("worker", 2):
            queue.fail(pairs([job]), "E", "", "")

        first, second = query(queue.engine, "select run_after from jobs order by model_id")
        assert first != second


class TestReap:
    def test_live_leases_are_left_alone(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3))
        jobs = queue.claim("worker", 3)
        expire(queue.engine, jobs[1].model_id)

        assert [job.model_id for job in queue.reap()] == [jobs[1].model_id]
        assert states(queue.engine) == ["running", "queued", "running"]
        assert queue.reap() == []

    def test_an_attempt_lost_says_so(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))

        _lose(queue)

        noted = query(queue.engine, "select outcome, error_type, error_message from attempts")
        assert noted == [("lost", "WorkerLost", "not heard from for 120 s")]

    def test_a_job_in_the_middle_of_its_finish_is_not_reaped(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        jobs = queue.claim("worker", 2)
        expire(queue.engine, *(job.model_id for job in jobs))
        if queue.engine.dialect.name == "sqlite":
            # One writer at a time: the reap waits for the finish, and finds the job done.
            store(queue, [a_result(jobs[0])])
            assert [job.model_id for job in queue.reap()] == [jobs[1].model_id]
            return
        assert queue.engine.dialect.name == "postgresql"
        with queue.engine.connect() as connection, connection.begin():
            queue.close(connection, pairs(jobs[:1]))

            reaped = queue.reap()

        assert [job.model_id for job in reaped] == [jobs[1].model_id]
        assert states(queue.engine) == ["done", "queued"]

    def test_jobs_of_processes_of_this_boot_that_are_no_more_are_taken_back_at_once(self, queue: Queue) -> None:
        enqueue(queue, some_specs(4))
        for worker_id, fields in {
            "dead": {"pid": 10},
            "alive": {"pid": 11},
            "earlier boot": {"pid": 10, "boot_id": "before"},
            "elsewhere": {"pid": 10, "host": "other"},
        }.items():
            queue.register_worker(a_worker(worker_id, **fields))
            claim_one(queue, worker_id)

        reaped = queue.reap_dead_processes("boot", lambda pid: pid != 10, host="host")

        assert [(job.model_id, job.state) for job in reaped] == [(1, "queued")]
        assert states(queue.engine) == ["queued", "running", "running", "running"]
        ((message,),) = query(queue.engine, "select error_message from attempts where outcome = 'lost'")
        assert message == "its process has ended"

    def test_nobody_dead_means_nothing_to_do(self, queue: Queue) -> None:
        queue.register_worker(a_worker())

        assert queue.reap_dead_processes("boot", lambda pid: True, host="host") == []


def _seconds_to_wait(queue: Queue) -> float:
    now = queue.dialect.now
    text = f"select extract(epoch from run_after - {now}) from jobs"
    if queue.engine.dialect.name == "sqlite":
        text = f"select (julianday(run_after) - julianday({now})) * 86400 from jobs"
    return float(query(queue.engine, text)[0][0])
