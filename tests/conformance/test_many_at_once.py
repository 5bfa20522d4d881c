"""Fifty that create the schema and two hundred workers that start, all at the same moment."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine
from sensdb.database.migrate import initialise
from sensdb.jobs.queue import Pair, Queue
from sensdb.worker.heartbeat import Heartbeat
from tests.conformance.factories import a_worker, enqueue, pairs, query, some_specs
from tests.postgresql import Cluster

pytestmark = pytest.mark.long

MANY = 200


def test_fifty_may_init_one_database_at_the_same_moment(empty_database_url: str) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["sensdb.database.migrate", "sqlalchemy.dialects.postgresql.psycopg", "alembic.command", "alembic.autogenerate"]
    )
    # Processes, for a migration is a matter of the whole process.
    with ProcessPoolExecutor(50, mp_context=context) as pool:
        done = list(pool.map(initialise, [empty_database_url] * 50))

    assert sorted(result.action for result in done) == ["created"] + ["current"] * 49
    engine = open_engine(empty_database_url)
    assert query(engine, "select count(*) from database_identity") == [(1,)]
    assert query(engine, "select count(*) from queue_settings") == [(1,)]
    engine.dispose()


def test_two_hundred_workers_may_start_on_one_server_at_the_same_moment(postgresql_server: str) -> None:
    cluster = Cluster(max_connections=2 * MANY + 20)
    url = cluster.start().url("postgres")
    try:
        initialise(url)
        engine = open_engine(url)
        enqueue(Queue(engine), some_specs(2 * MANY))
        claimed = _start_together(url)
        assert len(claimed) == len(set(claimed)) == MANY
        assert query(engine, "select count(*), count(distinct worker_id) from jobs where state = 'running'") == [
            (MANY, MANY)
        ]
        assert query(engine, "select count(*) from workers where beat_at > started_at") == [(MANY,)]
        engine.dispose()
    finally:
        cluster.stop()


def _start_together(url: str) -> list[Pair]:
    """What MANY workers do at their start: two connections each, a row, a heartbeat, a claim of one model."""
    barrier = threading.Barrier(MANY)
    claimed: list[Pair] = []
    failed: list[Exception] = []

    def start(number: int) -> None:
        engine: sa.Engine = open_engine(url, application_name=f"worker-{number}", pool_size=1)
        queue = Queue(engine)
        heartbeat = Heartbeat(url, f"worker-{number}", lambda: None)
        barrier.wait()
        try:
            queue.register_worker(a_worker(f"worker-{number}"))
            heartbeat.start()
            claimed.extend(pairs(queue.claim(f"worker-{number}", 1)))
            _until(lambda: heartbeat.heard_at > 0)
        except Exception as error:  # noqa: BLE001  (asserted on by the test)
            failed.append(error)
        finally:
            heartbeat.end()
            engine.dispose()

    threads = [threading.Thread(target=start, args=(number,)) for number in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    return claimed


def _until(condition: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(240):
        if condition():
            return
        waited.wait(0.5)
    raise AssertionError("no beat within two minutes")
