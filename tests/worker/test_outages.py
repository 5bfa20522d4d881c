"""The database is away for a moment: whichever call of a worker that is, the worker goes on and all is done."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from sensdb.jobs.queue import Job
from sensdb.worker import heartbeat, loop
from sensdb.worker.entry import Reporter
from sensdb.worker.options import Allowance, WorkerOptions
from tests.conformance.factories import a_result, execute
from tests.worker.conftest import Bench


@dataclass
class Outage:
    """The n-th time a worker wants a connection it gets none; then it gets all it wants."""

    n: int
    error: type[Exception]
    wanted: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def strike(self, driver: Any, record: Any, proxy: Any) -> None:
        """In place of a connection."""
        with self.lock:
            self.wanted += 1
            if self.wanted == self.n:
                raise self.error("planted: the database is away")


class MadeUp:
    """In place of a pack: its results are there at once."""

    def __init__(self, worker: loop.Worker, jobs: list[Job]) -> None:
        self._worker, self.jobs = worker, jobs

    def running(self) -> list[Job]:
        """None are left."""
        return []

    def work(self) -> None:
        """Give the results in, past the thread that would take them."""
        self._worker.obey()
        self._worker.finish([a_result(job) for job in self.jobs])


@contextmanager
def outage(bench: Bench, n: int) -> Iterator[Outage]:
    """Within it the n-th connection is not to be had."""
    made = Outage(n, bench.engine.dialect.loaded_dbapi.OperationalError)
    sa.event.listen(sa.pool.Pool, "checkout", made.strike)
    try:
        yield made
    finally:
        sa.event.remove(sa.pool.Pool, "checkout", made.strike)


@pytest.fixture
def hurried(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of hundredths of a second."""
    execute(bench.engine, "update queue_settings set poll_seconds = 0.02, beat_seconds = 0.05, lease_seconds = 20")
    monkeypatch.setattr(loop, "RETRY_SECONDS", (0.01, 0.02))
    monkeypatch.setattr(loop, "SECONDS_BEFORE_LEAVING", 0.02)
    monkeypatch.setattr(heartbeat, "RECONNECT_SECONDS", (0.01, 0.02))
    monkeypatch.setattr(loop, "PackRun", MadeUp)


def work_off(bench: Bench, sweep: str) -> int:
    """A worker in this process, on one sweep."""
    handler = signal.getsignal(signal.SIGTERM)
    theirs, ours = multiprocessing.Pipe(duplex=False)
    folder = bench.folder
    options = WorkerOptions(bench.url, (), str(folder / "artifacts"), folder / "cache", drain=True, sweep=sweep)
    try:
        return loop.Worker(options, Allowance(None), Reporter(ours)).run()
    finally:
        signal.signal(signal.SIGTERM, handler)
        theirs.close()
        ours.close()


def test_a_database_that_is_away_for_any_one_call_ends_no_worker(bench: Bench, hurried: None) -> None:
    n = 0
    while True:
        n += 1
        sweep = f"away-at-{n}"
        bench.enqueue(1, name=sweep, max_steps=100 + n)

        with outage(bench, n) as struck:
            code = work_off(bench, sweep)

        assert code == 0, f"connection {n}"
        assert bench.value("select count(*) from jobs where state = 'done' and losses = 0 and exceptions = 0") == n
        assert bench.value("select count(*) from attempts where outcome = 'done'") == n
        if struck.wanted < n:
            break
    assert n > 10  # so many connections a worker wants, at the least, from its start to its end
