"""What a worker was asked to do, and what its processes share of it."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WorkerOptions:
    """What `sensdb worker` was asked to do.

    Attributes:
        database_url: the queue's database, password and all.
        data_paths: folders searched for data files.
        artifacts_url: folder or fsspec URL of stored weights.
        cache_path: folder of this host for what waits to be stored.
        device: "cpu" or "cuda:0"; one process runs on one device.
        drain: leave when nothing is queued and nothing runs elsewhere that may come back.
        until_seconds: stop after this long; None for never.
        sweep: claim models of this sweep alone; None for all.
        model_id: claim this model alone and leave; None for all.
        max_models: leave after this many models, over all processes; None for no limit.
        pack_size: upper bound on models trained at once by one process; None for the engine's own choice.
        keep_weights: store the weights of every model trained, whether its sweep asks for it or not.
        checkpoint_seconds: between two checkpoints of a model in training.
        resident: train small nets by resident steps, on a GPU.
        fused: train other nets by fused steps, on a GPU.
        measure_aside: measure in a thread beside the training, where a core or a GPU is free for it.
    """

    database_url: str
    data_paths: tuple[Path, ...]
    artifacts_url: str
    cache_path: Path
    device: str = "cpu"
    drain: bool = False
    until_seconds: float | None = None
    sweep: str | None = None
    model_id: int | None = None
    max_models: int | None = None
    pack_size: int | None = None
    keep_weights: bool = False
    checkpoint_seconds: float = 60.0
    resident: bool = False
    fused: bool = False
    measure_aside: bool = False


class Allowance:
    """How many more models the processes of one `sensdb worker --max-models N` may claim together."""

    def __init__(self, models: int | None) -> None:
        self._left = None if models is None else multiprocessing.get_context("spawn").Value("q", models)

    def take(self, wanted: int) -> int:
        """Up to `wanted` models, fewer where fewer are left; what is not used must be given back."""
        if self._left is None:
            return wanted
        with self._left.get_lock():
            taken = min(wanted, self._left.value)
            self._left.value -= taken
        return int(taken)

    def give_back(self, models: int) -> None:
        """Return what `take` gave and no job was found for, or whose job was released."""
        if self._left is not None:
            with self._left.get_lock():
                self._left.value += models
