"""Rows of a database made by hand: models of given specs with results that tests know the answers to."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.engine import writing

MOMENT = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
SPEC: dict[str, Any] = {
    "dataset": "digits",
    "hidden_layers": 2,
    "width": 64,
    "nonlinearity": "relu",
    "biases": False,
    "weight_scale": 1.0,
    "label_noise": 0.0,
    "augmentation": "none",
    "loss": "cross_entropy",
    "optimizer": "momentum",
    "momentum": 0.9,
    "learning_rate": 0.01,
    "batch_size": 64,
    "full_batch": False,
    "max_steps": 1000,
    "stop_rule": "never",
    "dtype": "float32",
    "seed": 0,
    "n_train_points": 100,
    "n_test_points": 50,
    "n_classes": 10,
    "input_size": 64,
    "n_parameters": 1000,
    "n_hidden_units": 128,
}
RESULT: dict[str, Any] = {
    "attempt": 1,
    "measured_on": "cpu",
    "stop_reason": "budget",
    "fitted": True,
    "steps": 1000,
    "train_accuracy": 1.0,
    "test_accuracy": 0.9,
    "generalization_gap": 0.1,
    "train_loss": 0.001,
    "test_loss": 0.3,
    "jacobian_norm_mean": 1.0,
    "transitions_mean": 50.0,
    "transitions_method": "exact",
    "transitions_points": 50,
    "engine_version": "test",
    "device_class": "cpu",
}
POINT: dict[str, Any] = {
    "label": 1,
    "predicted": 1,
    "correct": True,
    "loss": 0.1,
    "doubt": 0.1,
    "entropy": 0.2,
    "margin": 1.0,
    "jacobian_norm": 1.0,
}


def add_models(engine: sa.Engine, models: Sequence[Mapping[str, Any]], *, sweep: str | None = None) -> list[int]:
    """Store models, each a mapping of spec fields and result fields over the defaults above.

    A model with `result: False` has none and is queued; `points` is a list of mappings over POINT. Models whose
    spec fields agree but for the seed share a configuration.
    """
    with writing(engine) as connection:
        return [_add_model(connection, model, sweep) for model in models]


def _add_model(connection: sa.Connection, given: Mapping[str, Any], sweep: str | None) -> int:
    fields = {**SPEC, **{name: value for name, value in given.items() if name in schema.models.c}}
    fields.setdefault("widths", json.dumps([fields["width"]] * fields["hidden_layers"]))
    spec = json.dumps(fields, sort_keys=True)
    configuration = json.dumps({key: value for key, value in fields.items() if key != "seed"}, sort_keys=True)
    statement = schema.models.insert().values(
        **fields,
        spec=spec,
        spec_sha256=hashlib.sha256(spec.encode()).hexdigest(),
        configuration_sha256=hashlib.sha256(configuration.encode()).hexdigest(),
    )
    model_id = int(connection.execute(statement).inserted_primary_key[0])
    done = given.get("result", True)
    job = {"state": "done", "attempt": 1, "finished_at": MOMENT} if done else {"state": "queued", "attempt": 0}
    connection.execute(schema.jobs.insert().values(model_id=model_id, kind="train", measure="{}", pack_key="p", **job))
    if sweep is not None:
        sweep_id = connection.execute(sa.select(schema.sweeps.c.sweep_id).filter_by(name=sweep)).scalar()
        if sweep_id is None:
            sweep_id = connection.execute(schema.sweeps.insert().values(name=sweep)).inserted_primary_key[0]
        connection.execute(schema.sweep_models.insert().values(sweep_id=sweep_id, model_id=model_id))
    if done:
        add_result(connection, model_id, given)
    return model_id


def add_result(connection: sa.Connection, model_id: int, given: Mapping[str, Any]) -> None:
    """Store a result of a model under a new result_id; with it points, and rows of `trajectories` and `regions`."""
    points = [{**POINT, **point} for point in given.get("points", ())]
    metrics = {**RESULT, **{name: value for name, value in given.items() if name in schema.model_metrics.c}}
    connection.execute(
        schema.model_metrics.insert().values(
            model_id=model_id, result_id=str(uuid.uuid4()), n_points_stored=len(points), **metrics
        )
    )
    if points:
        rows = [{**point, "model_id": model_id, "point_index": index} for index, point in enumerate(points)]
        connection.execute(schema.point_metrics.insert(), rows)
    for name, table in (("trajectories", schema.trajectory_metrics), ("regions", schema.region_slices)):
        if given.get(name):
            connection.execute(table.insert(), [{"model_id": model_id, **row} for row in given[name]])


def remove_result(connection: sa.Connection, model_id: int) -> None:
    """Delete a model's result and points, as measuring again does before it stores the new one."""
    for table in (schema.point_metrics, schema.trajectory_metrics, schema.region_slices, schema.model_metrics):
        connection.execute(table.delete().where(table.c.model_id == model_id))


def replace_result(engine: sa.Engine, model_id: int, **given: Any) -> None:
    """Store a new result in place of the old one, in one transaction."""
    with writing(engine) as connection:
        remove_result(connection, model_id)
        add_result(connection, model_id, given)


def delete_model(engine: sa.Engine, model_id: int) -> None:
    """Delete a model and everything that hangs on it."""
    with writing(engine) as connection:
        remove_result(connection, model_id)
        for table in (schema.sweep_models, schema.attempts, schema.jobs, schema.models):
            connection.execute(table.delete().where(table.c.model_id == model_id))
