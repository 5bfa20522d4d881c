"""Jobs of one pack key, trained as a pack: slots are refilled from the queue as models stop, those are measured and
stored."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from sensdb.definitions.spec import TrainingSpec, layer_sizes
from sensdb.errors import TrainingError, WorkerFault
from sensdb.jobs.queue import Job
from sensdb.measurement.summary import MeasurementData
from sensdb.results.writer import Result
from sensdb.training.memory import bytes_alone, bytes_text, free_bytes, give_back_memory, is_out_of_memory, memory_bytes
from sensdb.training.packing import plan_slots
from sensdb.training.trainer import Trained, Trainer
from sensdb.worker.finishing import STORED_TOGETHER, Measure
from sensdb.worker.measuring import measure_job
from sensdb.worker.progress import PackProgress
from sensdb.worker.weights import keep_weights

if TYPE_CHECKING:
    from sensdb.worker.loop import Worker

log = logging.getLogger(__name__)

# A quarter of the slots' number waits beside them at most, so that a slot is never empty for want of a claim.
WAITING_SHARE = 4

# Stopped models wait for company, but not for long: a result in memory alone is lost with the process.
SECONDS_UNSTORED_AT_MOST = 10.0


class PackRun:
    """Trains the jobs of one pack key, claims more of that key as its slots become free, and gives what has stopped
    to be measured and stored.

    Where the memory of the device ends, the pack starts over with half the slots, and the worker remembers that for
    this pack key; models go on from their checkpoints, those that have none begin anew.

    Attributes:
        jobs: all that was claimed, but for some that have ended.

    Raises, from `__init__` and `work`: DataError, WorkerFault, MemoryError, OSError (faults of this worker),
    TrainingError (no model of this shape can ever be trained on a device like this), or whatever the trainer raised,
    after which `running` says whose attempts it ended.
    """

    def __init__(self, worker: Worker, jobs: Sequence[Job]) -> None:
        self._spec = _training_spec(jobs[0])
        self._pack_key = jobs[0].pack_key
        self._worker = worker
        self.jobs = list(jobs)
        self._waiting = deque(jobs)
        self._probed = False
        self._probe_for(jobs)
        self._data = worker.data.training(self._spec)
        self._measurement = worker.data.measurement(self._spec)
        self._require_memory()
        bounds = (worker.options.pack_size, worker.slots_at_most.get(self._pack_key))
        slots = plan_slots(self._spec, self._data, worker.device)
        self._in_slot: dict[int, Job] = {}
        self._trainer = self._make_trainer(min([slots, *(bound for bound in bounds if bound is not None)]))
        self._stopped: list[tuple[Job, Trained]] = []
        self._stopped_at = 0.0

    def running(self) -> list[Job]:
        """Jobs in a slot now: those that an exception of the trainer ends."""
        return list(self._in_slot.values())

    def work(self) -> None:
        """Train until the queue has no more for this pack, or the worker is stopping or cannot store what comes of it;
        what has ended is given to be stored either way, and what has not is kept on disk."""
        steps_before = 0
        while (self._waiting or self._in_slot) and not self._ending():
            self._claim_more()
            try:
                self._fill_slots()
                ended = self._trainer.run()
            except Exception as error:  # noqa: BLE001  (raised again, but where memory has ended)
                self._start_over(error)
                steps_before = 0
                continue
            for slot in ended:
                self._stopped.append((self._in_slot.pop(slot), self._trainer.take(slot)))
                self._stopped_at = self._stopped_at or time.monotonic()
            self._obey_the_beat()
            self._worker.checkpoints.keep_due(self._trainer, self._in_slot)
            self._worker.finishing.settle()
            if self._storing_is_due():
                self._hand_over()
            self._worker.progress(self._trainer.model_steps - steps_before, self._state())
            steps_before = self._trainer.model_steps
        n_kept = self._worker.checkpoints.keep_all(self._trainer, self._in_slot)
        if n_kept:
            log.info("kept %d models on their way; they go on from there.", n_kept)
        self._hand_over()

    def _ending(self) -> bool:
        return self._worker.stopping() or self._pack_key in self._worker.claims.skip

    def _claim_more(self) -> None:
        """Claim in lots, since a claim costs the same for one as for many, but hold few that others could train."""
        slots = self._trainer.slots
        in_hand = len(self._in_slot) + len(self._waiting)
        wanted = slots + max(2, slots // WAITING_SHARE) - in_hand
        if self._worker.options.model_id is not None or len(self._waiting) > slots // (2 * WAITING_SHARE):
            return
        more = self._worker.claims.more(self._pack_key, wanted, in_hand) if wanted > 0 else []
        if more:
            self.jobs = [*self._worker.claims.still_held(self.jobs), *more]
            self._waiting.extend(more)
            self._probe_for(more)

    def _fill_slots(self) -> None:
        free = self._trainer.free_slots
        n_resumed = 0
        while free and self._waiting:
            job = self._waiting[0]
            spec = _training_spec(job)
            checkpoint = self._worker.checkpoints.take_up(job, spec, self._trainer.engine_version)
            try:
                self._trainer.put(free[0], spec, checkpoint)
            except TrainingError as error:
                self._worker.fail([self._waiting.popleft()], error, permanent=True)
                continue
            self._in_slot[free.pop(0)] = self._waiting.popleft()
            n_resumed += checkpoint is not None
        if n_resumed:
            log.info("%d models go on from their checkpoints.", n_resumed)

    def _make_trainer(self, slots: int) -> Trainer:
        while True:
            try:
                device, options = self._worker.device, self._worker.options
                return Trainer(
                    self._spec, slots, self._data, device=device, resident=options.resident, fused=options.fused
                )
            except Exception as error:  # noqa: BLE001  (raised again, but where memory has ended)
                slots = self._fewer_slots(slots, error)
            give_back_memory()

    def _start_over(self, error: Exception) -> None:
        """After memory has ended in the middle of a step, when no model of the pack is whole any more."""
        slots = self._fewer_slots(self._trainer.slots, error)
        self._waiting.extendleft(reversed(self._in_slot.values()))
        self._in_slot = {}
        del self._trainer
        give_back_memory()
        self._trainer = self._make_trainer(slots)
        kept = self._trainer.slots + max(2, self._trainer.slots // WAITING_SHARE)
        surplus = [self._waiting.pop() for _ in range(len(self._waiting) - kept)]
        self._worker.release(surplus)

    def _fewer_slots(self, slots: int, error: Exception) -> int:
        """Half the slots, remembered for this pack key, where an exception says that memory has ended."""
        if not is_out_of_memory(error):
            raise error
        if slots == 1:
            raise WorkerFault(f"{self._needs()}; the memory of this device has ended at less.") from error
        self._worker.slots_at_most[self._pack_key] = slots // 2
        log.warning("the memory of this device has ended with %d slots; going on with %d.", slots, slots // 2)
        return slots // 2

    def _require_memory(self) -> None:
        """Refuse before anything is allocated: the host would give more than it has, and kill somebody later."""
        needed, device = bytes_alone(self._spec, self._data), self._worker.device
        total, free = memory_bytes(device), free_bytes(device)
        if needed > total:
            raise TrainingError(f"{self._needs()}; this device ({self._worker.device_class}) has {bytes_text(total)}.")
        if free is not None and needed > free:
            raise WorkerFault(
                f"{self._needs()}; this device has {bytes_text(free)} free now.", "stop what else runs on it."
            )

    def _needs(self) -> str:
        shape = "-".join(str(size) for size in layer_sizes(self._spec, self._data.info))
        needed = bytes_text(bytes_alone(self._spec, self._data))
        return f"a model of {shape} needs {needed} to train alone"

    def _probe_for(self, jobs: Sequence[Job]) -> None:
        """Try the artifact folder before training what is to be kept in it."""
        if not self._probed and any(self._keeps_files(job) for job in jobs):
            self._worker.artifacts.probe()
            self._probed = True

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
                if (job.model_id, job.attempt) in cancelled:
                    self._worker.checkpoints.forget(job, _training_spec(job))
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

    def _hand_over(self) -> None:
        stopped, self._stopped, self._stopped_at = self._stopped, [], 0.0
        for start in range(0, len(stopped), STORED_TOGETHER):
            part = stopped[start : start + STORED_TOGETHER]
            self._worker.finishing.give([(job, self._measure(job, trained)) for job, trained in part])

    def _measure(self, job: Job, trained: Trained) -> Measure:
        # What a diverged model holds cannot be measured.
        keeps = self._keeps_weights(job) and trained.stop_reason != "diverged"
        # Without the pack: its memory is to end with it, whatever still waits.
        return partial(_result, self._worker, job, trained, self._measurement, keeps)

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


def _result(worker: Worker, job: Job, trained: Trained, points: MeasurementData, keeps: bool) -> Result:
    files = [keep_weights(worker.artifacts, job.spec, trained.network)] if keeps else []
    return measure_job(worker, job, trained.network, points, trained.metrics(), files, trained.engine_version)


def _training_spec(job: Job) -> TrainingSpec:
    assert isinstance(job.spec, TrainingSpec)  # jobs of kind train have no other
    return job.spec
