"""Exceptions of training and measuring: they land on the attempts they ended, and on no other."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator

import pytest

from sensdb.jobs.queue import Job
from sensdb.training.trainer import Trainer
from sensdb.worker import pack
from sensdb.worker.entry import Reporter
from sensdb.worker.loop import Worker
from sensdb.worker.options import Allowance, WorkerOptions
from tests.worker.conftest import Bench

ATTEMPTS = "select a.outcome, a.error_type, a.error_message, a.traceback from attempts a order by a.model_id"
JOBS = "select state, exceptions, losses from jobs order by model_id"


@pytest.fixture
def work(bench: Bench) -> Iterator[Callable[[int], int]]:
    """Runs a worker in this process, so that a fault can be planted in it; takes how many models it may claim."""
    handler = signal.getsignal(signal.SIGTERM)
    theirs, ours = multiprocessing.Pipe(duplex=False)

    def run(models: int, **steps: bool) -> int:
        folder = bench.folder
        options = WorkerOptions(bench.url, (), str(folder / "artifacts"), folder / "cache", pack_size=models, **steps)
        return Worker(options, Allowance(models), Reporter(ours)).run()

    yield run
    signal.signal(signal.SIGTERM, handler)
    theirs.close()
    ours.close()


def test_an_exception_of_the_trainer_ends_the_attempts_in_its_slots(
    bench: Bench, work: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Trainer, seconds: float = 1.0) -> list[int]:
        raise ValueError("planted")

    monkeypatch.setattr(Trainer, "run", broken)
    bench.enqueue(1)

    work(1)

    ((outcome, error_type, message, traceback),) = bench.rows(ATTEMPTS)
    assert (outcome, error_type, message) == ("failed", "ValueError", "planted")
    assert "in broken" in str(traceback)
    assert [tuple(row) for row in bench.rows(JOBS)] == [("queued", 1, 0)]


def test_a_model_that_cannot_be_measured_fails_alone(
    bench: Bench, work: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = pack.measure_job

    def broken(worker: Worker, job: Job, *rest: object) -> object:
        if job.model_id == 2:
            raise ValueError("planted")
        return measure(worker, job, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(pack, "measure_job", broken)
    bench.enqueue(4)

    work(2)
    work(2)

    assert [row[0] for row in bench.rows(ATTEMPTS)] == ["done", "failed", "done", "done"]
    assert [tuple(row) for row in bench.rows(JOBS)] == [
        ("done", 0, 0),
        ("queued", 1, 0),
        ("done", 0, 0),
        ("done", 0, 0),
    ]
    assert bench.value("select count(*) from point_metrics") == 3 * 597
