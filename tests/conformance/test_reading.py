"""Reading never writes, and waits for no writer (promise P17 of the queue)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sensdb.database.engine import open_engine, writing
from sensdb.definitions.measure import MeasureSettings
from sensdb.errors import DatabaseError
from sensdb.jobs.queue import Queue
from sensdb.results.writer import store
from tests.conformance.factories import a_result, a_worker, claim_one, enqueue, pairs, query, some_specs

READS: dict[str, Callable[[Queue], object]] = {
    "progress": lambda queue: queue.progress(),
    "list_jobs": lambda queue: queue.list_jobs(["queued"], "sweep"),
    "workers": lambda queue: queue.workers(stopped=True),
    "busy": lambda queue: queue.busy(skip={"none"}),
    "fair_share": lambda queue: queue.fair_share(at_most=5),
    "count_unfinished": lambda queue: queue.count_unfinished(1),
    "attempt_outcome": lambda queue: queue.attempt_outcome([(1, 1)]),
    "preview": lambda queue: queue.preview(some_specs(3), sweep="sweep", measure=MeasureSettings()),
    "settings": lambda queue: queue.settings,
    "dataset_path": lambda queue: queue.dataset_path("digits"),
    "sweep_id": lambda queue: queue.sweep_id("sweep"),
}


@pytest.fixture
def reader(queue: Queue, database_url: str) -> Iterator[Queue]:
    """A queue that the database itself keeps from writing, on a database with some of everything."""
    enqueue(queue, some_specs(4))
    queue.register_worker(a_worker())
    store(queue, [a_result(claim_one(queue))])
    queue.fail(pairs([claim_one(queue)]), "E", "", "")
    claim_one(queue)
    engine = open_engine(database_url, read_only=True)
    yield Queue(engine)
    engine.dispose()


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_p17_it_works_where_writing_is_refused(reader: Queue, read: Callable[[Queue], object]) -> None:
    tables = ("jobs", "attempts", "sweeps", "workers")
    before = [query(reader.engine, f"select * from {table}") for table in tables]

    read(reader)

    assert [query(reader.engine, f"select * from {table}") for table in tables] == before


def test_p17_it_works_while_a_writer_is_stopped_in_the_middle(reader: Queue, queue: Queue) -> None:
    with writing(queue.engine) as connection:
        connection.exec_driver_sql("update jobs set priority = 5")
        connection.exec_driver_sql("update sweeps set priority = 5")

        for read in READS.values():
            read(reader)

        assert [job["priority"] for job in reader.list_jobs()] == [0] * 4


def test_a_write_where_writing_is_refused_is_an_error_of_the_database(reader: Queue) -> None:
    with pytest.raises(DatabaseError, match=r"read-?only"):
        reader.register_worker(a_worker("another"))
