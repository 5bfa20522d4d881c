"""When the models of a worker are kept on disk on their way, and taken up again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from sensdb.definitions.spec import TrainingSpec
from sensdb.jobs.queue import Job
from sensdb.training.checkpoint import Checkpoint, CheckpointFolder
from sensdb.training.trainer import Trainer

log = logging.getLogger(__name__)

SECONDS_WORTH_KEEPING = 3.0
"""On leaving, a model trained for less begins anew: that costs less than its file does."""

SECONDS_FOR_LEAVING = 15.0
"""Of the half minute that a scheduler leaves between SIGTERM and SIGKILL."""


def checkpoint_folder(cache: Path, identity: str) -> Path:
    """Where the checkpoints of one database lie, in the cache folder of `Settings.cache_path`."""
    return cache / "checkpoints" / identity


class Checkpoints:
    """The checkpoints of one worker's models.

    A model in training is kept once in `seconds`, so a model that takes less in all never is; on leaving all are
    kept that have more than SECONDS_WORTH_KEEPING behind them. The folder may be this host's alone: elsewhere the
    model begins anew, to the same result. A folder that is full or cannot be written to costs no model: it is said
    once, and training goes on without.

    Args:
        folder: of the database, `checkpoint_folder`.
        device: where the models are trained.
        seconds: between two checkpoints of a model.
    """

    def __init__(self, folder: Path, device: torch.device, seconds: float) -> None:
        self._folder = CheckpointFolder(folder, device)
        self._seconds = seconds
        self._kept_at: dict[int, float] = {}  # by model_id, since when a loss of the process would cost work
        self._broken = False
        self._try_to(self._folder.prune)

    def take_up(self, job: Job, spec: TrainingSpec, engine_version: str) -> Checkpoint | None:
        """Where the model of a job may go on, as it enters a slot of this engine; None where it begins."""
        self._kept_at[job.model_id] = time.monotonic()
        return self._folder.read(spec, engine_version)

    def keep_due(self, trainer: Trainer, in_slot: Mapping[int, Job]) -> None:
        """Write the checkpoints that are due."""
        now = time.monotonic()
        for slot, job in in_slot.items():
            if now - self._kept_at[job.model_id] >= self._seconds:
                self._keep(trainer, slot, job)

    def keep_all(self, trainer: Trainer, in_slot: Mapping[int, Job]) -> int:
        """Write what would be lost on leaving, the oldest first, for as long as there is time; how many were."""
        started = time.monotonic()
        n_kept = 0
        for slot, job in sorted(in_slot.items(), key=lambda item: self._kept_at[item[1].model_id]):
            worth_it = started - self._kept_at[job.model_id] >= min(SECONDS_WORTH_KEEPING, self._seconds)
            if worth_it and time.monotonic() - started < SECONDS_FOR_LEAVING:
                n_kept += self._keep(trainer, slot, job)
        return n_kept

    def forget(self, job: Job, spec: TrainingSpec) -> None:
        """Remove the checkpoint of a model that has ended, or is to begin anew."""
        self._kept_at.pop(job.model_id, None)
        self._try_to(lambda: self._folder.remove(spec))

    def _keep(self, trainer: Trainer, slot: int, job: Job) -> bool:
        self._kept_at[job.model_id] = time.monotonic()
        checkpoint = None if self._broken else trainer.checkpoint(slot)
        if checkpoint is None:
            return False
        return self._try_to(lambda: self._folder.write(checkpoint))

    def _try_to(self, act: Callable[[], None]) -> bool:
        try:
            act()
        except OSError as error:
            if not self._broken:
                log.warning("checkpoints cannot be kept: %s. Training goes on without.", error)
            self._broken = True
            return False
        return True
