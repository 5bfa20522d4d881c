"""Where trained models are measured and stored: beside the training where something is free for it."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Sequence

import pytest

from sensdb.jobs.queue import Job, Pair
from sensdb.results.writer import Result
from sensdb.worker import pack
from sensdb.worker.entry import Reporter
from sensdb.worker.loop import Worker
from sensdb.worker.options import Allowance, WorkerOptions
from tests.worker.conftest import Bench


@pytest.mark.parametrize("aside", [True, False])
def test_storing_is_always_beside_the_training_and_measuring_where_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, aside: bool
) -> None:
    threads: dict[str, set[str]] = {"measure": set(), "store": set()}
    measure, give_in = pack.measure_job, Worker.give_in

    def measuring(worker: Worker, job: Job, *rest: object) -> object:
        threads["measure"].add(threading.current_thread().name)
        return measure(worker, job, *rest)  # type: ignore[arg-type]

    def storing(self: Worker, results: Sequence[Result]) -> list[Pair] | None:
        threads["store"].add(threading.current_thread().name)
        return give_in(self, results)

    monkeypatch.setattr(pack, "measure_job", measuring)
    monkeypatch.setattr(Worker, "give_in", storing)
    bench.enqueue(3, max_steps=20)
    bench.enqueue(2, name="wider", width=20, max_steps=20)
    handler = signal.getsignal(signal.SIGTERM)
    theirs, ours = multiprocessing.Pipe(duplex=False)
    folder = bench.folder
    options = WorkerOptions(
        bench.url, (), str(folder / "artifacts"), folder / "cache", drain=True, measure_aside=aside
    )  # fmt: skip
    try:
        code = Worker(options, Allowance(None), Reporter(ours)).run()
    finally:
        signal.signal(signal.SIGTERM, handler)
        theirs.close()
        ours.close()

    assert code == 0
    assert bench.value("select count(*) from jobs where state = 'done' and exceptions = 0 and losses = 0") == 5
    assert threads["store"] == {"finishing"}
    assert threads["measure"] == {"finishing" if aside else "MainThread"}
