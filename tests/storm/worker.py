"""A worker of the storm: the real loop, heartbeat, queue, writer and spool; only the training is made up.

Lease and beats are seconds here instead of minutes, so what the client waits for is cut by the same factor. Faults
that must strike inside the process are asked for by files in the storm's folder, so that they can be armed from
outside at any moment.
"""

from __future__ import annotations

import datetime
import functools
import logging
import os
import random
import signal
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sensdb.errors import DataError, WorkerFault
from sensdb.jobs import transactions
from sensdb.jobs.queue import Job, Pair, Queue
from sensdb.results import spool, writer
from sensdb.results.writer import Result
from sensdb.worker import heartbeat, loop, storing
from sensdb.worker.options import Allowance, WorkerOptions
from sensdb.worker.progress import ProcessProgress
from tests.conformance.factories import a_result
from tests.storm.journal import Journal

PACK_SIZE = 8
STORED_TOGETHER = 3

DISK_FULL, SPOOL_FULL, CLOCK = "disk-full", "spool-full", "clock"


@dataclass(frozen=True)
class Traits:
    """What is peculiar to one worker.

    fault: "data" (it has no data set) or "device" (that always fails). host: as it names itself. clock_seconds: by
    which the clock of its host is wrong. careless: it asks no beat, and minds no end of a lease. fenced: False for a
    database whose fence was taken out. killer: a spec of this seed kills its process.
    """

    model_seconds: float
    host: str | None = None
    clock_seconds: float = 0.0
    fault: str | None = None
    careless: bool = False
    fenced: bool = True
    killer: int | None = None


class QuietReporter:
    """Nobody watches."""

    orphaned = False

    def progress(self, message: ProcessProgress) -> None:
        """Say nothing."""


class StormWorker(loop.Worker):
    """The real worker, with a journal of what it was told."""

    journal: Journal
    traits: Traits

    def release(self, jobs: Sequence[Job]) -> None:
        super().release(jobs)
        if jobs:
            self.journal.note("released", [(job.model_id, job.attempt) for job in jobs])

    def obey(self) -> tuple[set[Pair], set[Pair]]:
        return (set(), set()) if self.traits.careless else super().obey()


class StubRun:
    """In place of a pack: sleeps, and makes results up."""

    def __init__(self, worker: StormWorker, jobs: Sequence[Job]) -> None:
        worker.journal.note("claimed", [(job.model_id, job.attempt) for job in jobs])
        if worker.traits.fault == "data":
            raise DataError("no data set on this host.")
        self._worker = worker
        self.jobs = list(jobs)
        self._jobs = list(jobs)

    def running(self) -> list[Job]:
        """Those that have not stopped."""
        return self._jobs

    def work(self) -> None:
        """Train one after the other, giving in three at a time."""
        if self._worker.traits.fault == "device":
            raise WorkerFault("the device failed.")
        finished: list[Job] = []
        while self._jobs and not self._worker.stopping():
            time.sleep(self._worker.traits.model_seconds * random.uniform(0.5, 1.5))
            if self._jobs[0].spec.seed == self._worker.traits.killer:
                os.kill(os.getpid(), signal.SIGKILL)
            finished.append(self._jobs.pop(0))
            lost, cancelled = self._worker.obey()
            given_up = [job for job in self._jobs if (job.model_id, job.attempt) in cancelled]
            self._jobs = [job for job in self._jobs if (job.model_id, job.attempt) not in lost | cancelled]
            finished = [job for job in finished if (job.model_id, job.attempt) not in lost]
            self._worker.release(given_up)
            if lost:
                self._worker.forget(lost)
            if len(finished) >= STORED_TOGETHER or not self._jobs:
                self._give_in(finished)
                finished = []
            self._worker.progress(1, None)
        self._give_in(finished)

    def _give_in(self, finished: Sequence[Job]) -> None:
        if finished:
            self._worker.finish([a_result(job, 3, measure=job.measure.canonical()) for job in finished])


def run_worker(url: str, folder: str, number: int, traits: Traits) -> None:
    """The first function of a storm's worker process."""
    place = Path(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(
        filename=place / f"log-{number}", level=logging.INFO, format="%(asctime)s %(name)s %(message)s", force=True
    )
    journal = Journal(place, number)
    random.seed(number)
    _shorten()
    _arm(place, journal, traits)
    host = traits.host or socket.gethostname()
    options = WorkerOptions(url, (), str(place / "artifacts"), place / f"cache-{host}", pack_size=PACK_SIZE)
    reporter: Any = QuietReporter()
    worker = StormWorker(options, Allowance(None), reporter)
    worker.journal, worker.traits = journal, traits
    worker.queue._answer_seconds = 3.0
    raise SystemExit(worker.run())


def _shorten() -> None:
    """What the client waits for, in seconds instead of minutes, like the storm's leases."""
    named: Any = loop
    named.PackRun = StubRun
    named.Heartbeat = functools.partial(heartbeat.Heartbeat, answer_seconds=1.0)
    named.RETRY_SECONDS = (0.05, 1.0)
    named.IDLE_SECONDS_AT_MOST = 1.0
    heartbeat.RECONNECT_SECONDS = (0.05, 0.5)
    storing.SECONDS_BETWEEN_TRIES = 1.0
    writer.SECONDS_A_STATEMENT = 5
    transactions.SECONDS_A_STATEMENT = 2


def _arm(place: Path, journal: Journal, traits: Traits) -> None:
    """Put the journal behind every store, and the faults that strike inside where they strike."""
    named: Any = storing
    store, close = writer.store, Queue.close

    def journaled(queue: Queue, results: Sequence[Result], *, adopt: bool = False) -> list[Pair]:
        accepted = store(queue, results, adopt=adopt)
        ids = {result.pair: result.result_id for result in results}
        if accepted:
            journal.note("done", accepted, [ids[pair] for pair in accepted])
        return accepted

    def delayed(queue: Queue, connection: sa.Connection, pairs: Sequence[Pair]) -> dict[Pair, str]:
        closed = close(queue, connection, pairs)
        if not traits.fenced:
            closed |= dict.fromkeys(pairs, "train")
        armed = place / f"hold-{os.getpid()}"
        if armed.exists():
            armed.rename(place / f"held-{os.getpid()}")
            time.sleep(1.0)
        return closed

    class StormSpool(spool.Spool):
        def put(self, result: Result) -> None:
            self.bytes_at_most = 0 if (place / SPOOL_FULL).exists() else spool.BYTES_AT_MOST
            super().put(result)

    named.store = journaled
    named = spool
    named.store = journaled
    named = Queue
    named.close = delayed
    named = loop
    named.Spool = StormSpool
    if traits.careless:
        named = heartbeat.Heartbeat
        named.fenced = lambda self: False
    if traits.host:
        named = socket
        named.gethostname = lambda: traits.host
    if traits.clock_seconds:
        real = time.time
        named = time
        named.time = lambda: real() + traits.clock_seconds
    sa.event.listen(sa.Engine, "connect", functools.partial(_set_clock, place / CLOCK))
    sa.event.listen(sa.pool.Pool, "checkout", functools.partial(_fill_disk, place / DISK_FULL))


def _set_clock(clock: Path, driver: Any, record: object) -> None:
    """Let SQLite take its time from a clock that can be set; its own strftime asks the host."""
    if not hasattr(driver, "create_function"):
        return

    def strftime(form: str, moment: str, *modifiers: str) -> str:
        assert form == "%Y-%m-%d %H:%M:%f"
        assert moment == "now"
        (offset,) = struct.unpack("d", clock.read_bytes()) if clock.exists() else (0.0,)
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=offset)
        for modifier in modifiers:
            now += datetime.timedelta(seconds=float(modifier.removesuffix(" seconds")))
        return now.strftime("%Y-%m-%d %H:%M:%S.") + f"{now.microsecond // 1000:03d}"

    driver.create_function("strftime", -1, strftime)


def _fill_disk(full: Path, driver: Any, record: object, proxy: object) -> None:
    """Let an SQLite file grow no further while the disk is said to be full."""
    if hasattr(driver, "create_function"):
        pages = driver.execute("pragma page_count").fetchone()[0] if full.exists() else 2**30
        driver.execute(f"pragma max_page_count = {pages}")
