"""Workers, people and reapers on one queue at once: nothing is lost, nothing is twice, every hold is right."""

from __future__ import annotations

import random

from sensdb.jobs.queue import Queue
from sensdb.jobs.updates import HELD, PRIORITY
from sensdb.results.writer import store
from tests.conformance.factories import a_result, enqueue, make_due, pairs, query, scalar, some_specs, states
from tests.conformance.processes import in_processes, work_everything

ROUNDS = 25


def one_of_the_crowd(queue: Queue, number: int, rounds: int) -> int:
    """The first three train, the others enqueue, pause, prioritise, cancel, retry and reap, all at random."""
    draw = random.Random(number)
    n_stored = 0
    for _ in range(rounds):
        if number < 3:
            n_stored += _train(queue, f"worker-{number}", draw)
        else:
            _meddle(queue, draw)
    return n_stored


def _train(queue: Queue, worker_id: str, draw: random.Random) -> int:
    jobs = queue.claim(worker_id, draw.choice([1, 5, 20]))
    queue.beat(worker_id)
    n_failed, n_released = len(jobs) // 5, len(jobs) // 4
    queue.fail(pairs(jobs[:n_failed]), "E", "made up", "")
    queue.release(pairs(jobs[n_failed : n_failed + n_released]))
    return len(store(queue, [a_result(job, 2) for job in jobs[n_failed + n_released :]]))


def _meddle(queue: Queue, draw: random.Random) -> None:
    sweep = draw.choice(["first", "second"])
    act = draw.randrange(6)
    if act == 0:
        enqueue(queue, some_specs(120)[draw.randrange(100) :], sweep, priority=draw.randrange(5))
    elif act == 1:
        queue.pause(sweep)
        queue.reap()
    elif act == 2:
        queue.resume(["first", "second"])
    elif act == 3:
        queue.prioritise(sweep, draw.randrange(9))
    elif act == 4:
        queue.cancel(sweep=sweep)
    else:
        queue.retry(sweep=sweep)
        make_due(queue.engine)


def test_after_a_crowd_the_books_are_in_order(queue: Queue, database_url: str) -> None:
    enqueue(queue, some_specs(100), "first")
    enqueue(queue, some_specs(60), "second")

    stored = in_processes(one_of_the_crowd, 6, database_url, ROUNDS)

    engine = queue.engine
    open_jobs = "select count(*) from jobs where state in ('queued', 'running')"
    assert scalar(engine, f"{open_jobs} and held <> {HELD}") == 0
    assert scalar(engine, f"{open_jobs} and priority <> {PRIORITY}") == 0
    per_model = (
        "select attempt from jobs j where attempt <> (select count(*) from attempts a where a.model_id = j.model_id)"
    )
    assert query(engine, per_model) == []
    assert scalar(engine, "select count(*) from attempts where outcome is null") == 0
    assert sum(stored) == scalar(engine, "select count(*) from attempts where outcome = 'done'")
    assert sum(stored) == states(engine).count("done") == scalar(engine, "select count(*) from model_metrics")
    assert scalar(engine, "select count(*) from point_metrics") == 2 * sum(stored)


def test_whatever_is_left_can_be_finished_afterwards(queue: Queue, database_url: str) -> None:
    enqueue(queue, some_specs(100), "first")
    enqueue(queue, some_specs(60), "second")
    in_processes(one_of_the_crowd, 6, database_url, 8)
    queue.resume(["first", "second"])
    queue.retry(sweep=["first", "second"])
    make_due(queue.engine)

    in_processes(work_everything, 3, database_url, 10)

    assert set(states(queue.engine)) == {"done"}
