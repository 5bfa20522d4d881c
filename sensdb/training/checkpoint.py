"""Checkpoints: a model on its way as a file, from which any slot of any pack goes on to the same bits.

A model, not a pack: pieces of one pack may go on in several. Weights, optimizer state and the number of steps are
enough, since shuffles, label noise, augmentation, learning rates and checks are functions of the spec and the step.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sensdb.definitions.spec import TrainingSpec
from sensdb.training.packing import ENGINE_VERSION, device_class

log = logging.getLogger(__name__)

FORMAT = "sensdb checkpoint 1"
SUFFIX = ".safetensors"
SECONDS_KEPT = 30 * 24 * 3600.0
"""A file not written to for so long is nobody's: its model was finished elsewhere, or its writer was killed."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a model stands.

    Attributes:
        steps: steps done, 1 at least, its check of that step included.
        bad_step: its first step with a loss that was not finite; 0 without one.
        seconds: its share of the time spent so far.
        tensors: what its pack gave of it, on the host (pack.Pack.state).
        engine_version: of what trained it.
    """

    spec_sha256: str
    steps: int
    bad_step: int
    seconds: float
    tensors: dict[str, Tensor]
    engine_version: str = ENGINE_VERSION


class CheckpointFolder:
    """The checkpoints of one database, a file a spec. A folder that another host does not see does no harm.

    Two processes may write the same model (its lease lapsed while one slept): files are replaced whole, and either
    file leads to the same result.

    Args:
        folder: made when the first file is written.
        device: where the models are trained.
    """

    def __init__(self, folder: Path, device: str | torch.device) -> None:
        self._folder = folder
        self._arithmetic = {
            "format": FORMAT,
            "device_class": device_class(device),
            "torch": str(torch.__version__),
        }

    def write(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint instead of the model's earlier one; a kill or a power cut leaves one of the two whole.

        Raises:
            OSError: the folder cannot be written to, or is full.
        """
        path = self.path(checkpoint.spec_sha256)
        metadata = {
            **self._arithmetic,
            "engine_version": checkpoint.engine_version,
            "spec_sha256": checkpoint.spec_sha256,
            "steps": str(checkpoint.steps),
            "bad_step": str(checkpoint.bad_step),
            "seconds": repr(checkpoint.seconds),
            "tensors_sha256": _digest(checkpoint.tensors),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f".{uuid.uuid4().hex}.part"
        try:
            try:
                save_file(checkpoint.tensors, temporary, metadata)
            except SafetensorError as error:
                raise OSError(f"{temporary}: {error}") from None
            _to_disk(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _to_disk(self._folder)

    def read(self, spec: TrainingSpec, engine_version: str = ENGINE_VERSION) -> Checkpoint | None:
        """The checkpoint of a spec, if there is one that this kind of arithmetic wrote; why not, is logged."""
        path = self.path(spec.spec_sha256)
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                metadata: dict[str, str] = file.metadata() or {}
                wanted = {**self._arithmetic, "engine_version": engine_version, "spec_sha256": spec.spec_sha256}
                for name, value in wanted.items():
                    if metadata.get(name) != value:
                        log.info("checkpoint %s ignored: %s %s, not %s.", path, name, metadata.get(name), value)
                        return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError) as error:
            log.warning("checkpoint %s ignored: %s.", path, str(error).rstrip("."))
            return None
        if metadata.get("tensors_sha256") != _digest(tensors):
            log.warning("checkpoint %s ignored: its numbers are not those that were written.", path)
            return None
        return Checkpoint(
            spec.spec_sha256,
            int(metadata["steps"]),
            int(metadata["bad_step"]),
            float(metadata["seconds"]),
            tensors,
            engine_version,
        )

    def remove(self, spec: TrainingSpec) -> None:
        """Remove the checkpoint of a spec, whoever wrote it; nothing where there is none.

        Raises:
            OSError: the folder cannot be written to.
        """
        self.path(spec.spec_sha256).unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove files that are nobody's by their age.

        Raises:
            OSError: the folder cannot be read, or written to.
        """
        if not self._folder.is_dir():
            return
        oldest = time.time() - SECONDS_KEPT
        for path in self._folder.iterdir():
            try:
                if path.suffix in (SUFFIX, ".part") and path.stat().st_mtime < oldest:
                    path.unlink()
            except FileNotFoundError:
                continue  # another process prunes too

    def path(self, spec_sha256: str) -> Path:
        """Where the checkpoint of a spec lies, if there is one."""
        return self._folder / f"{spec_sha256}{SUFFIX}"


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Text that changes with any bit of any tensor, with its name, type or shape."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()


def _to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's names, would outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
