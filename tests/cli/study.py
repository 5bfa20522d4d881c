"""A small study for tests: a sweep file, and ways to bring its jobs to a state without training anything."""

from __future__ import annotations

import itertools
import uuid
from pathlib import Path

import numpy as np

from sensdb.database.engine import writing
from sensdb.definitions.metrics import MODEL_METRICS, POINT_METRICS
from sensdb.definitions.sweep import load_sweep
from sensdb.jobs.queue import Job, Queue, WorkerRecord
from sensdb.operations.enqueue import plan_sweep
from sensdb.operations.opening import open_queue
from sensdb.results.artifacts import Artifact, note_artifacts
from sensdb.results.weights import Weights, weights_bytes
from sensdb.results.writer import Result, store

SWEEP = """\
name: tiny
description: Twelve networks too small to be of use.
seeds: 3
fixed: {dataset: digits, n_train: 100, batch_size: 50, learning_rate: 0.05, max_steps: 20}
grid: {hidden_layers: [1, 2], width: [8], label_noise: [0, 1]}
exclude: ["hidden_layers == 2 and label_noise == 1"]
"""
N_MODELS = 9
N_POINTS = 40


def write_sweep(folder: Path, text: str = SWEEP, name: str = "tiny.yaml") -> Path:
    """A sweep file in a folder."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def enqueue_tiny(url: str) -> None:
    """What `sensdb enqueue tiny.yaml` does."""
    sweep = load_sweep(SWEEP, source="tiny.yaml", folder=None)
    with open_queue(url) as queue:
        plan_sweep(sweep, ()).enqueue(queue)


def claim(queue: Queue, limit: int) -> list[Job]:
    """Claim jobs for a worker of its own, registered first."""
    worker_id = f"worker-{uuid.uuid4()}"
    queue.register_worker(WorkerRecord(worker_id, "host", "boot", 1, "cpu", "a processor", "cpu", "{}"))
    return queue.claim(worker_id, limit)


def write_network(folder: Path, *sizes: int) -> Path:
    """A network of another's making, of these layer sizes, as network.safetensors in a folder."""
    draw = np.random.default_rng(0)
    layers = tuple(draw.normal(size=(fan_out, fan_in)) for fan_in, fan_out in itertools.pairwise(sizes))
    path = folder / "network.safetensors"
    path.write_bytes(weights_bytes(Weights(layers, None)))
    return path


def note_weights(url: str, *model_ids: int) -> None:
    """Let models have stored weights, as far as the database knows."""
    with open_queue(url) as queue, writing(queue.engine) as connection:
        note_artifacts(connection, {key: [Artifact("weights", f"w/{key}", "0" * 64, 10)] for key in model_ids})


def kill_jobs(url: str, limit: int = 1, message: str = "shapes do not fit") -> list[int]:
    """Bring some queued jobs to dead; returns their models."""
    with open_queue(url) as queue:
        pairs = [(job.model_id, job.attempt) for job in claim(queue, limit)]
        queue.fail(pairs, "ShapeError", message, f"Traceback ...\n  {message}", permanent=True)
    return [model_id for model_id, _ in pairs]


def finish_jobs(url: str, limit: int | None = None) -> int:
    """Store made-up results for queued jobs, in which a larger Jacobian norm goes with a larger gap; returns how many.

    Every model is fitted. Of its N_POINTS test points the wrong ones have the larger norms.
    """
    n_done = 0
    with open_queue(url) as queue:
        while limit is None or n_done < limit:
            jobs = claim(queue, 64 if limit is None else limit - n_done)
            if not jobs:
                break
            store(queue, [_result(job) for job in jobs])
            n_done += len(jobs)
    return n_done


def _result(job: Job) -> Result:
    draw = np.random.default_rng(job.model_id)
    n_wrong = 1 + job.model_id % 5
    norms = np.sort(draw.lognormal(mean=0.1 * n_wrong, sigma=0.5, size=N_POINTS)).astype(np.float32)
    label = np.arange(N_POINTS) % 10
    correct = np.arange(N_POINTS) < N_POINTS - n_wrong
    points = {
        "point_index": np.arange(N_POINTS),
        "label": label,
        "predicted": np.where(correct, label, (label + 1) % 10),
        "correct": correct,
        **{metric.name: norms for metric in POINT_METRICS if metric.summarised},
        "log10_jacobian_norm": np.log10(norms),
        "transitions": np.arange(N_POINTS),
    }
    gap = n_wrong / N_POINTS
    metrics: dict[str, object] = {
        metric.name: float(norms.mean()) for metric in MODEL_METRICS if metric.storage == "real8"
    }
    metrics |= {"stop_reason": "budget", "fitted": True, "steps": 20, "train_accuracy": 1.0, "test_accuracy": 1 - gap}
    metrics |= {"generalization_gap": gap, "transitions_method": "exact", "transitions_points": N_POINTS}
    metrics |= {"n_zero_jacobian": 0}
    return Result(job.model_id, job.attempt, metrics, engine_version="made up", device_class="cpu", points=points)
