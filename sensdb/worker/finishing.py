"""From trained models to stored results, beside the training of the next ones."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from sensdb.definitions.spec import TrainingSpec
from sensdb.errors import DataError, SensdbError, WorkerFault
from sensdb.jobs.queue import Job, Pair
from sensdb.results.writer import Result

if TYPE_CHECKING:
    from sensdb.worker.loop import Worker

log = logging.getLogger(__name__)

STORED_TOGETHER = 16
"""Models a transaction: it costs the same for one as for sixteen."""

IN_HAND_AT_MOST = 2 * STORED_TOGETHER
"""Trained models waiting here; a worker that trains faster than it measures waits then, and memory is bounded."""

SECONDS_AFTER_STOP = 10.0
"""Of the half minute that a scheduler leaves between SIGTERM and SIGKILL; what is not measured by then is released."""

WORKER_FAULTS = (WorkerFault, DataError, MemoryError, OSError)
"""Exceptions that release jobs uncharged: another worker, or this one mended, may do them (design.md 6)."""

Measure = Callable[[], Result]


@dataclass
class _Batch:
    """Models given in together, and what came of them: a result, an exception of its own, or neither after a fault."""

    entries: list[tuple[Job, Measure]]
    results: list[Result] = field(default_factory=list)
    failed: list[tuple[Job, Exception]] = field(default_factory=list)
    error: Exception | None = None
    measured: bool = False
    accepted: list[Pair] | None = None


class Finishing:
    """Measures and stores trained models in the order given, in a thread of its own.

    Storing waits for the disk or the server, so it always goes on beside the training. Measuring computes: it does
    where a core or a GPU's stream is free for it (`aside`), and otherwise in the thread that gives the models, for two
    threads on one core gain nothing.

    The thread decides nothing: what came of the models waits for `settle`, which the worker calls between training
    steps, so claims, budgets and the skip list are one thread's matter.
    """

    def __init__(self, worker: Worker, *, aside: bool) -> None:
        self._worker = worker
        self._aside = aside
        self._given: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._ended: deque[_Batch] = deque()
        self._something_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="finishing", daemon=True)
        self._stopping_since: float | None = None
        self.in_hand: set[Pair] = set()
        """Attempts given and not yet settled: no beat's answer can tell whether they are lost or just stored."""

    def give(self, entries: Sequence[tuple[Job, Measure]]) -> None:
        """Have models measured and stored, STORED_TOGETHER at most; waits while too many are in hand."""
        batch = _Batch(list(entries))
        self.in_hand.update((job.model_id, job.attempt) for job, _ in entries)
        if not self._aside:
            self._measure(batch)
        if not self._thread.is_alive():
            self._thread.start()
        self._given.put(batch)
        self.settle(at_most=IN_HAND_AT_MOST)

    def settle(self, at_most: int | None = None) -> None:
        """Act on what came of the models that have ended.

        Args:
            at_most: wait until no more than so many are in hand, or the worker is stopping; None to wait for none.
        """
        while True:
            self._something_ended.clear()
            while self._ended:
                self._settle(self._ended.popleft())
            if at_most is None or len(self.in_hand) <= at_most or self._worker.stopping():
                return
            self._something_ended.wait(0.2)

    def close(self, seconds: float) -> bool:
        """Settle what ends within so many seconds; whether nothing runs here any more."""
        if self._thread.is_alive():
            self._given.put(None)
            self._thread.join(seconds)
        self.settle()
        return not self._thread.is_alive()

    def _run(self) -> None:
        # Both are of a thread alone, and the second changes bits (training-engine.md 3.2).
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        on_gpu = self._worker.device.type == "cuda"
        stream = torch.cuda.Stream(self._worker.device) if on_gpu else None  # type: ignore[no-untyped-call]
        while (batch := self._given.get()) is not None:
            try:
                with torch.cuda.stream(stream) if stream is not None else contextlib.nullcontext():
                    self._measure(batch)
                if batch.results:
                    batch.accepted = self._worker.give_in(batch.results)
            except Exception as error:  # noqa: BLE001  (for `settle`, in the worker's own thread)
                batch.error = error
            self._ended.append(batch)
            self._something_ended.set()

    def _measure(self, batch: _Batch) -> None:
        if batch.measured:
            return
        batch.measured = True
        for job, measure in batch.entries:
            if self._is_too_late():
                return
            try:
                batch.results.append(measure())
            except WORKER_FAULTS as error:
                batch.error = error
                return
            except Exception as error:  # noqa: BLE001  (ends an attempt, not the worker)
                batch.failed.append((job, error))

    def _is_too_late(self) -> bool:
        if not self._worker.stopping():
            return False
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
        return time.monotonic() - self._stopping_since > SECONDS_AFTER_STOP

    def _settle(self, batch: _Batch) -> None:
        worker = self._worker
        jobs = {(job.model_id, job.attempt): job for job, _ in batch.entries}
        self.in_hand -= jobs.keys()
        for job, error in batch.failed:
            worker.fail([job], error)
        if batch.results and (batch.error is None or isinstance(batch.error, WORKER_FAULTS)):
            worker.note_stored(batch.results, batch.accepted)
            for pair in (result.pair for result in batch.results) if batch.accepted is not None else ():
                spec = jobs[pair].spec
                assert isinstance(spec, TrainingSpec)  # jobs of kind train have no other
                worker.checkpoints.forget(jobs[pair], spec)
        left = worker.claims.still_held(jobs.values())
        if isinstance(batch.error, WORKER_FAULTS):
            worker.cannot_do(left[0].pack_key if left else batch.entries[0][0].pack_key, batch.error)
        elif batch.error is not None:
            worker.fail(left, batch.error, permanent=isinstance(batch.error, SensdbError))
            return
        worker.release(left)
