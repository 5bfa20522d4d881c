"""One claim's jobs of kind measure: stored weights are loaded and measured, nothing is trained."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sensdb.definitions.imported import ImportedSpec
from sensdb.errors import ArtifactError
from sensdb.jobs.queue import Job
from sensdb.jobs.transactions import inspect
from sensdb.results.artifacts import WEIGHTS, Artifact, find_artifacts
from sensdb.results.writer import Result
from sensdb.training.network import StackedNetwork
from sensdb.worker.measuring import measure_job
from sensdb.worker.weights import load_network

if TYPE_CHECKING:
    from sensdb.worker.loop import Worker

# As for models that were trained: a transaction costs the same for one as for many, but a result waits only so long.
STORED_TOGETHER = 16
SECONDS_UNSTORED_AT_MOST = 10.0


class MeasureRun:
    """Measures and stores models whose weights are kept, one after the other.

    A model whose weights are missing or altered ends its attempt for good, with an error that names the file, and
    keeps the result it has; the others go on.

    Raises, from `__init__` and `work`: DataError, WorkerFault, MemoryError, OSError (faults of this worker), or
    whatever measuring raised, after which `running` says whose attempt it ended.
    """

    def __init__(self, worker: Worker, jobs: Sequence[Job]) -> None:
        self._worker = worker
        self.jobs = list(jobs)
        self._waiting = deque(jobs)
        # One pack key: one data set, crop and dtype.
        self._data = worker.data.measurement(jobs[0].spec)
        self._files: dict[int, Artifact] = {}
        self._current: list[Job] = []
        self._measured: list[Result] = []
        self._measured_at = 0.0

    def running(self) -> list[Job]:
        """The job being measured now: the one that an exception ends."""
        return self._current

    def work(self) -> None:
        """Measure until every job has ended, or the worker is stopping; what was measured is stored either way."""
        model_ids = [job.model_id for job in self._waiting]
        engine = self._worker.queue.engine
        found = self._worker.insist(
            lambda: inspect(engine, lambda reading: find_artifacts(reading, WEIGHTS, model_ids))
        )
        self._files = found or {}  # none where the worker is stopping
        while self._waiting and not self._worker.stopping():
            self._measure(self._waiting.popleft())
            self._obey_the_beat()
            waited = time.monotonic() - self._measured_at
            if len(self._measured) >= STORED_TOGETHER or (self._measured and waited > SECONDS_UNSTORED_AT_MOST):
                self._store()
            self._worker.progress(0, None)
        self._store()

    def _measure(self, job: Job) -> None:
        self._current = [job]
        try:
            network = self._network(job)
        except ArtifactError as error:
            self._worker.fail([job], error, permanent=True)
            self._current = []
            return
        known = {"stop_reason": "imported"} if isinstance(job.spec, ImportedSpec) else {}
        self._measured_at = self._measured_at if self._measured else time.monotonic()
        self._measured.append(measure_job(self._worker, job, network, self._data, known))
        self._current = []

    def _network(self, job: Job) -> StackedNetwork:
        artifact = self._files.get(job.model_id)
        if artifact is None:
            raise ArtifactError(f"model {job.model_id} has no stored weights.")
        return load_network(self._worker.artifacts, job.spec, artifact)

    def _obey_the_beat(self) -> None:
        lost, cancelled = self._worker.obey()
        if not lost and not cancelled:
            return
        # A cancelled model that is measured is finished all the same: a finish beats a cancel request.
        self._measured = [result for result in self._measured if result.pair not in lost]
        given_up = [job for job in self._waiting if (job.model_id, job.attempt) in cancelled]
        self._waiting = deque(job for job in self._waiting if (job.model_id, job.attempt) not in lost | cancelled)
        self._worker.release(given_up)
        if lost:
            self._worker.forget(lost)

    def _store(self) -> None:
        measured, self._measured = self._measured, []
        if measured:
            self._worker.finish(measured)
