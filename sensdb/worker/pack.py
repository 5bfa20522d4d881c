"""One claim's jobs, trained as a pack: slots are refilled as models stop, stopped models are measured and stored."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sensdb.definitions.spec import TrainingSpec
from sensdb.errors import DataError, TrainingError, WorkerFault
from sensdb.jobs.queue import Job
from sensdb.results.writer import Result
from sensdb.training.packing import plan_slots
from sensdb.training.trainer import Trained, Trainer
from sensdb.worker.measuring import measure_job
from sensdb.worker.progress import PackProgress
from sensdb.worker.weights import keep_weights

if TYPE_CHECKING:
    from sensdb.worker.loop import Worker

# Stopped models wait for company, since a transaction costs the same for one as for sixteen, but not for long: a
# result in memory alone is lost with the process.
STORED_TOGETHER = 16
SECONDS_UNSTORED_AT_MOST = 10.0


class PackRun:
    """Trains, measures and stores the jobs of one pack key.

    Raises, from `__init__` and `work`: DataError, WorkerFault, MemoryError, OSError (faults of this worker), or
    whatever the trainer raised, after which `running` says whose attempts it ended.
    """

    def __init__(self, worker: Worker, jobs: Sequence[Job]) -> None:
        spec = _training_spec(jobs[0])
        self._worker = worker
        self._waiting = deque(jobs)
        if any(self._keeps_files(job) for job in jobs):
            worker.artifacts.probe()
        self._data = worker.data.training(spec)
        self._measurement = worker.data.measurement(spec)
        slots = min(plan_slots(spec, self._data, worker.device), len(jobs), worker.options.pack_size or len(jobs))
        self._trainer = Trainer(spec, slots, self._data, device=worker.device)
        self._in_slot: dict[int, Job] = {}
        self._stopped: list[tuple[Job, Trained]] = []
        self._stopped_at = 0.0

    def running(self) -> list[Job]:
        """Jobs in a slot now: those that an exception of the trainer ends."""
        return list(self._in_slot.values())

    def work(self) -> None:
        """Train until every job has ended, or the worker is stopping; what was trained is stored either way."""
        steps_before = 0
        while (self._waiting or self._in_slot) and not self._worker.stopping():
            self._fill_slots()
            for slot in self._trainer.run():
                self._stopped.append((self._in_slot.pop(slot), self._trainer.take(slot)))
                self._stopped_at = self._stopped_at or time.monotonic()
            self._obey_the_beat()
            if self._storing_is_due():
                self._measure_and_store()
            self._worker.progress(self._trainer.model_steps - steps_before, self._state())
            steps_before = self._trainer.model_steps
        self._measure_and_store()

    def _fill_slots(self) -> None:
        free = self._trainer.free_slots
        while free and self._waiting:
            job = self._waiting.popleft()
            try:
                self._trainer.put(free[0], _training_spec(job))
            except TrainingError as error:
                self._worker.fail([job], error, permanent=True)
                continue
            self._in_slot[free.pop(0)] = job

    def _obey_the_beat(self) -> None:
        lost, cancelled = self._worker.obey()
        if not lost and not cancelled:
            return
        ended = lost | cancelled
        jobs = [*self._in_slot.values(), *self._waiting, *(job for job, _ in self._stopped)]
        for slot, job in list(self._in_slot.items()):
            if (job.model_id, job.attempt) in ended:
                self._trainer.drop(slot)
                del self._in_slot[slot]
        self._waiting = deque(job for job in self._waiting if (job.model_id, job.attempt) not in ended)
        # A cancelled model that has stopped is finished all the same: a finish beats a cancel request.
        self._stopped = [(job, trained) for job, trained in self._stopped if (job.model_id, job.attempt) not in lost]
        stopped = {(job.model_id, job.attempt) for job, _ in self._stopped}
        self._worker.release([job for job in jobs if (job.model_id, job.attempt) in cancelled - stopped])
        if lost:
            self._worker.forget(lost)

    def _storing_is_due(self) -> bool:
        if not self._stopped:
            return False
        waited = time.monotonic() - self._stopped_at
        return len(self._stopped) >= STORED_TOGETHER or not self._in_slot or waited > SECONDS_UNSTORED_AT_MOST

    def _measure_and_store(self) -> None:
        stopped, self._stopped, self._stopped_at = self._stopped, [], 0.0
        for start in range(0, len(stopped), STORED_TOGETHER):
            part = stopped[start : start + STORED_TOGETHER]
            results = [self._measured(job, trained) for job, trained in part]
            self._worker.finish([result for result in results if result is not None])

    def _measured(self, job: Job, trained: Trained) -> Result | None:
        """The model's result; None where measuring it raised, which ends its attempt and no other's."""
        try:
            return self._result(job, trained)
        except (WorkerFault, DataError, MemoryError, OSError):
            raise
        except Exception as error:  # noqa: BLE001  (ends an attempt, not the worker)
            self._worker.fail([job], error)
            return None

    def _result(self, job: Job, trained: Trained) -> Result:
        # What a diverged model holds cannot be measured.
        keeps = self._keeps_weights(job) and trained.stop_reason != "diverged"
        files = [keep_weights(self._worker.artifacts, job.spec, trained.network)] if keeps else []
        return measure_job(self._worker, job, trained.network, self._measurement, trained.metrics(), files)

    def _keeps_weights(self, job: Job) -> bool:
        return job.measure.keep_weights or self._worker.options.keep_weights

    def _keeps_files(self, job: Job) -> bool:
        return self._keeps_weights(job) or job.measure.regions

    def _state(self) -> PackProgress:
        return PackProgress(
            shape="-".join(str(size) for size in self._trainer.sizes),
            slots_in_use=len(self._in_slot),
            slots=self._trainer.slots,
            step=self._trainer.furthest_step,
            median_loss=self._trainer.median_loss,
        )


def _training_spec(job: Job) -> TrainingSpec:
    assert isinstance(job.spec, TrainingSpec)  # jobs of kind train have no other
    return job.spec
