"""A small database with a row of every kind: shared models, missing results, every job state, NULL where it may be."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.definitions.metrics import MODEL_METRICS, POINT_METRICS, TRAJECTORY_METRICS, Metric

START = dt.datetime(2026, 1, 31, 23, 59, 59, 123456, tzinfo=dt.UTC)


def model(model_id: int, configuration: int, **fields: Any) -> dict[str, Any]:
    """A row of models; `fields` replace what a plain one has."""
    return {
        "model_id": model_id,
        "spec_sha256": f"{model_id:064d}",
        "configuration_sha256": f"{configuration:064d}",
        "spec": f'{{"seed": {model_id}}}',
        "dataset": "digits",
        "hidden_layers": 2,
        "width": 50,
        "widths": "[50, 50]",
        "nonlinearity": "relu",
        "biases": False,
        "weight_scale": 1.0,
        "label_noise": 0.1,
        "augmentation": "none",
        "loss": "cross_entropy",
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "batch_size": 32,
        "full_batch": False,
        "max_steps": 1000,
        "stop_rule": "fitted",
        "dtype": "float32",
        "seed": model_id,
        "n_train_points": 1000,
        "n_test_points": 797,
        "n_classes": 10,
        "input_size": 64,
        "n_parameters": 6200,
        "n_hidden_units": 100,
        "created_at": START,
    } | fields


def metrics(of: tuple[Metric, ...], number: int, **fields: Any) -> dict[str, Any]:
    """Values for a list of metrics, different for each `number`."""
    values: dict[str, Any] = {}
    for place, metric in enumerate(of, start=1):
        if metric.storage == "boolean":
            values[metric.name] = (number + place) % 2 == 0
        elif metric.storage == "integer":
            values[metric.name] = number * 100 + place
        elif metric.storage != "text":
            values[metric.name] = number + place / 64  # exact in 4 bytes
    return values | fields


def result(model_id: int, **fields: Any) -> dict[str, Any]:
    """A row of model_metrics."""
    return {
        "model_id": model_id,
        "result_id": f"result-{model_id}",
        "attempt": 1,
        "measured_on": "cpu",
        **metrics(MODEL_METRICS, model_id, stop_reason="fitted", transitions_method="exact"),
        "engine_version": "1",
        "device_class": "cpu",
    } | fields


def job(model_id: int, state: str, **fields: Any) -> dict[str, Any]:
    """A row of jobs that its state allows."""
    ended = state in ("done", "dead", "cancelled")
    return {
        "model_id": model_id,
        "state": state,
        "kind": "train",
        "measure": "{}",
        "pack_key": "digits/64-50-50-10",
        "run_after": START,
        "attempt": 0 if state == "queued" else 1,
        "worker_id": "host-1-a" if state == "running" else None,
        "lease_until": START if state == "running" else None,
        "finished_at": START if ended else None,
    } | fields


def plant(connection: sa.Connection) -> None:
    """Fill an empty, migrated database."""
    no_real = {metric.name: None for metric in MODEL_METRICS if metric.storage == "real8"}
    connection.execute(
        schema.sweeps.insert(),
        [
            {"name": "depth", "description": "Does depth matter?", "priority": 5, "created_at": START},
            {"name": "noise", "description": None, "priority": 0, "created_at": START},
            {"name": "empty", "description": None, "priority": 0, "created_at": START},
        ],
    )
    connection.execute(
        schema.models.insert(),
        [
            model(1, 1),
            model(2, 1),
            model(3, 1),
            model(4, 2, width=None, widths="[50, 100]", nonlinearity="tanh", momentum=0.9, seed=2**53 - 1),
            model(5, 3, hidden_layers=0, width=None, widths="[]", biases=True),
            model(6, 4, batch_size=None, full_batch=True, label_noise=1.0),
            model(
                7, 5, optimizer=None, learning_rate=None, loss=None, seed=None, full_batch=None, source_sha256="f" * 64
            ),
        ],
    )
    connection.execute(
        schema.sweep_models.insert(),
        [
            {"sweep_id": sweep, "model_id": one}
            for sweep, one in [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 5), (2, 6)]
        ],
    )
    connection.execute(
        schema.jobs.insert(),
        [
            job(1, "done", worker_id="host-1-a"),
            job(2, "done"),
            job(3, "running"),
            job(4, "done", kind="measure"),
            job(5, "queued", held=True, priority=5),
            job(6, "dead", exceptions=1),
            job(7, "cancelled"),
        ],
    )
    connection.execute(
        schema.workers.insert(),
        [
            {
                "worker_id": "host-1-a",
                "host": "host",
                "boot_id": "b",
                "pid": 1,
                "device": "cpu",
                "device_name": "a processor",
                "device_class": "cpu",
                "versions": "{}",
                "started_at": START,
                "beat_at": START + dt.timedelta(microseconds=1),
                "models_done": 2,
                "model_steps_per_second": 1234.5,
            }
        ],
    )
    connection.execute(
        schema.attempts.insert(),
        [
            {
                "model_id": one,
                "attempt": 1,
                "kind": "train",
                "worker_id": worker,
                "claimed_at": START,
                "ended_at": START if outcome else None,
                "outcome": outcome,
                "error_type": "ValueError" if outcome == "failed" else None,
                "error_message": "it's 100 % \N{PILE OF POO}\nof it" if outcome == "failed" else None,
            }
            for one, worker, outcome in [(1, "host-1-a", "done"), (3, "host-1-a", None), (6, "gone", "failed")]
        ],
    )
    connection.execute(
        schema.model_metrics.insert(),
        [
            result(1, fitted=True),
            result(2, fitted=True),
            result(4, fitted=False, stop_reason="diverged", transitions_method=None, **no_real),
            result(5, fitted=None),
        ],
    )
    connection.execute(
        schema.point_metrics.insert(),
        [
            {"model_id": one, "point_index": point, **metrics(POINT_METRICS, 10 * one + point)}
            for one in (1, 2)
            for point in range(3)
        ]
        + [{"model_id": 5, "point_index": 0, "label": 1} | {m.name: None for m in POINT_METRICS[1:]}],
    )
    connection.execute(
        schema.trajectory_metrics.insert(),
        [
            {"model_id": 1, "trajectory": 0, "position": place, **metrics(TRAJECTORY_METRICS, place, kind="random")}
            for place in range(3)
        ],
    )
    connection.execute(
        schema.artifacts.insert(),
        [{"model_id": 1, "kind": "regions", "uri": "a/b.npz", "sha256": "a" * 64, "bytes": 2**40}],
    )
    connection.execute(
        schema.region_slices.insert(),
        [
            {
                "model_id": 1,
                "slice": 0,
                "moment": moment,
                "scope": "all",
                "method": "exact",
                "n_regions": 12,
                "density_at_points": 0.5,
                "density_mean": None,
                "artifact_id": 1 if moment == "after" else None,
            }
            for moment in ("before", "after")
        ],
    )
