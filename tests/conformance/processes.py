"""What other processes do to a queue in the tests, and a way to start several of them at the same moment."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

from sensdb.database.engine import open_engine
from sensdb.errors import NothingMatched, QueueError
from sensdb.jobs.queue import Pair, Queue
from sensdb.jobs.records import Enqueued
from sensdb.operations.delete import delete_sweeps
from sensdb.results.writer import store
from tests.conformance.factories import a_result, enqueue, pairs, some_specs

# Forked from a server that has the imports done: a second a process less than a fresh interpreter.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["sensdb.results.writer", "sqlalchemy.dialects.postgresql.psycopg", "hypothesis"])

Work = Callable[..., Any]


def in_processes(work: Work, n: int, database_url: str, *arguments: object) -> list[Any]:
    """Run work(queue, number, *arguments) in n processes that begin together; what each returned, None if it died."""
    barrier = _context.Barrier(n)
    processes, ends = [], []
    for number in range(n):
        receiving, sending = _context.Pipe(duplex=False)
        given = (work, database_url, number, arguments, barrier, sending)
        process = _context.Process(target=_run, args=given)
        process.start()
        sending.close()
        processes.append(process)
        ends.append(receiving)
    answers = [_receive(end) for end in ends]
    for process in processes:
        process.join()
    for end in ends:
        end.close()
    failed = [answer for answer in answers if isinstance(answer, Exception)]
    if failed:
        raise failed[0]
    return answers


def claim_everything(queue: Queue, number: int, limit: int) -> list[Pair]:
    """Claim until nothing is left."""
    claimed: list[Pair] = []
    while jobs := queue.claim(f"worker-{number}", limit):
        claimed += pairs(jobs)
    return claimed


def claim_once_and_die(queue: Queue, number: int) -> None:
    """Be killed one instruction after the claim."""
    queue.claim(f"worker-{number}", 1)
    os.kill(os.getpid(), signal.SIGKILL)


def work_everything(queue: Queue, number: int, limit: int) -> int:
    """Claim, store and fail or release now and then, until nothing is queued or running; models stored."""
    n_stored = 0
    while queue.busy():
        jobs = queue.claim(f"worker-{number}", limit)
        for place, job in enumerate(jobs):
            if job.attempt == 1 and place % 3 == 0:
                queue.release(pairs([job]))
            else:
                n_stored += len(store(queue, [a_result(job)]))
    return n_stored


def enqueue_the_same(queue: Queue, number: int, n: int) -> Enqueued:
    """Enqueue the specs everybody enqueues."""
    return enqueue(queue, some_specs(n))


def enqueue_under_own_name(queue: Queue, number: int, n: int) -> Enqueued:
    """Enqueue the specs everybody enqueues, under a sweep of one's own."""
    return enqueue(queue, some_specs(n), f"sweep-{number}", priority=number)


def enqueue_and_delete(queue: Queue, number: int, rounds: int) -> bool:
    """Enqueue the specs everybody enqueues and delete them again, under a sweep shared with one other process."""
    sweep = f"sweep-{number % 2}"
    for _ in range(rounds):
        with contextlib.suppress(QueueError, NothingMatched):
            # Either may find that the other has just deleted the sweep.
            enqueue(queue, some_specs(30), sweep)
            delete_sweeps(queue, [sweep])
    return True


def _run(
    work: Work, database_url: str, number: int, arguments: tuple[object, ...], barrier: Barrier, answer: Connection
) -> None:
    engine = open_engine(database_url, pool_size=1)
    queue = Queue(engine)
    assert queue.settings is not None
    barrier.wait(120)
    try:
        answer.send(work(queue, number, *arguments))
    except Exception as error:  # noqa: BLE001  (sent to the test, which raises it)
        answer.send(error)
    finally:
        engine.dispose()


def _receive(end: Connection) -> Any:
    try:
        return end.recv()
    except EOFError:
        return None
