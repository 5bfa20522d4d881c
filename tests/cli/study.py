"""A small study for tests: a sweep file, and ways to bring its jobs to a state without training anything."""

from __future__ import annotations

import uuid
from pathlib import Path

from sensdb.jobs.queue import Job, Queue, WorkerRecord
from sensdb.operations.opening import open_queue

SWEEP = """\
name: tiny
description: Twelve networks too small to be of use.
seeds: 3
fixed: {dataset: digits, n_train: 100, batch_size: 50, learning_rate: 0.05, max_steps: 20}
grid: {hidden_layers: [1, 2], width: [8], label_noise: [0, 1]}
exclude: ["hidden_layers == 2 and label_noise == 1"]
"""
N_MODELS = 9


def write_sweep(folder: Path, text: str = SWEEP, name: str = "tiny.yaml") -> Path:
    """A sweep file in a folder."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def claim(queue: Queue, limit: int) -> list[Job]:
    """Claim jobs for a worker of its own, registered first."""
    worker_id = f"worker-{uuid.uuid4()}"
    queue.register_worker(WorkerRecord(worker_id, "host", "boot", 1, "cpu", "a processor", "cpu", "{}"))
    return queue.claim(worker_id, limit)


def kill_jobs(url: str, limit: int = 1, message: str = "shapes do not fit") -> list[int]:
    """Bring some queued jobs to dead; returns their models."""
    with open_queue(url) as queue:
        pairs = [(job.model_id, job.attempt) for job in claim(queue, limit)]
        queue.fail(pairs, "ShapeError", message, f"Traceback ...\n  {message}", permanent=True)
    return [model_id for model_id, _ in pairs]
