"""Networks trained elsewhere: their file read and checked, and one of them measured at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sensdb.errors import ArtifactError
from sensdb.results.weights import Weights, read_weights
from sensdb.worker.options import WorkerOptions
from sensdb.worker.processes import devices, run_processes
from sensdb.worker.progress import Lines, Tally


def read_network(path: Path) -> tuple[Weights, str]:
    """The weights in a safetensors file, and the SHA-256 of the file.

    Raises:
        ArtifactError: it cannot be read, is no such file, or holds numbers that are not finite.
        ShapeError: its layers do not chain.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}.") from None
    network = read_weights(data, str(path))
    if not network.finite:
        raise ArtifactError(f"{path} holds numbers that are not finite.", "such a network has no output to measure.")
    return network, hashlib.sha256(data).hexdigest()


def measure_now(options: WorkerOptions) -> int:
    """Run one worker process for the one model of `options.model_id`; how it went stands in the database.

    Nothing happens where another worker has the model, or all its sweeps are paused.

    Returns:
        The exit code of `sensdb worker`: 1 where this machine cannot measure it, 130 after Ctrl-C.
    """
    code, _tally = run_processes(options, devices("auto", 1)[:1], _Quiet(as_json=False))
    return code


class _Quiet(Lines):
    """Log lines alone: how far the rest of the queue is, was not asked."""

    def update(self, tally: Tally) -> None:
        pass

    def close(self, tally: Tally) -> None:
        pass
