"""Studies of any size, stored for real: models with results and points, the same rows on SQLite and on PostgreSQL."""

from __future__ import annotations

import hashlib
import json
import math
import random
import time
import uuid
from typing import Any

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.engine import open_engine, writing
from sensdb.database.migrate import initialise
from tests.mirror.stored import MOMENT, POINT, RESULT, SPEC

TEMPLATES = 20
SEEDS = 3
BATCH = 1_000


def fill(url: str, *, n_models: int, n_points: int) -> float:
    """Make a database of so many models of so many points each; seconds it took.

    Points are drawn for a few template models and stored for every other by the database itself, each value a little
    different, so that no two models have the same order.
    """
    started = time.perf_counter()
    initialise(url)
    engine = open_engine(url, limits=False)
    try:
        _add_models(engine, n_models, n_points)
        if n_points:
            _add_points(engine, n_models, n_points)
        if engine.dialect.name == "postgresql":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
    finally:
        engine.dispose()
    return time.perf_counter() - started


def _add_models(engine: sa.Engine, n_models: int, n_points: int) -> None:
    draw = random.Random(0)
    with writing(engine) as connection:
        sweep_id = connection.execute(schema.sweeps.insert().values(name="generated")).inserted_primary_key[0]
    for first in range(1, n_models + 1, BATCH):
        ids = range(first, min(first + BATCH, n_models + 1))
        with writing(engine) as connection:
            connection.execute(schema.models.insert(), [_model(model_id) for model_id in ids])
            job = {"kind": "train", "measure": "{}", "pack_key": "p", "state": "done", "attempt": 1}
            connection.execute(schema.jobs.insert(), [{"model_id": each, "finished_at": MOMENT, **job} for each in ids])
            connection.execute(schema.sweep_models.insert(), [{"sweep_id": sweep_id, "model_id": each} for each in ids])
            connection.execute(schema.model_metrics.insert(), [_result(draw, each, n_points) for each in ids])


def _model(model_id: int) -> dict[str, Any]:
    configuration = (model_id - 1) // SEEDS
    spec = {
        **SPEC,
        "dataset": ("mnist", "cifar10")[configuration % 2],
        "width": 10 + configuration // 2 % 500,
        "hidden_layers": 1 + configuration // 1000 % 5,
        "nonlinearity": ("relu", "tanh")[configuration // 5000 % 2],
        "seed": (model_id - 1) % SEEDS,
    }
    spec["widths"] = json.dumps([spec["width"]] * spec["hidden_layers"])
    text = json.dumps(spec, sort_keys=True)
    without_seed = json.dumps({**spec, "seed": None}, sort_keys=True)
    hashes = (hashlib.sha256(each.encode()).hexdigest() for each in (text, without_seed))
    names = ("spec_sha256", "configuration_sha256")
    return {**spec, "model_id": model_id, "spec": text, **dict(zip(names, hashes, strict=True))}


def _result(draw: random.Random, model_id: int, n_points: int) -> dict[str, Any]:
    gap = draw.uniform(0.01, 0.5)
    row: dict[str, Any] = {**RESULT, "model_id": model_id, "result_id": str(uuid.UUID(int=draw.getrandbits(128)))}
    for column in schema.model_metrics.columns:
        if isinstance(column.type, sa.Float) and column.name not in row:
            row[column.name] = draw.lognormvariate(math.log(gap), 1)
    row |= {"generalization_gap": gap, "test_accuracy": 1 - gap, "n_points_stored": n_points}
    return row | {"jacobian_norm_mean": gap * draw.lognormvariate(0, 1), "transitions_mean": 50 * gap + draw.random()}


def _add_points(engine: sa.Engine, n_models: int, n_points: int) -> None:
    draw = random.Random(1)
    n_templates = min(TEMPLATES, n_models)
    for model_id in range(1, n_templates + 1):
        with writing(engine) as connection:
            connection.execute(schema.point_metrics.insert(), [_point(draw, model_id, i) for i in range(n_points)])
    names = [column.name for column in schema.point_metrics.columns if column.name != "model_id"]
    varied = {"loss", "doubt", "entropy", "margin", "jacobian_norm", "logit_jacobian_norm"}
    change = "(1 + CAST((point_index * 7919 + :m * 104729) % 1000 AS REAL) / 5000)"
    values = ", ".join(f"{name} * {change}" if name in varied else name for name in names)
    statement = sa.text(
        f"INSERT INTO point_metrics (model_id, {', '.join(names)})"
        f" SELECT :m, {values} FROM point_metrics WHERE model_id = :t ORDER BY point_index"
    ).bindparams(sa.bindparam("m", type_=sa.BigInteger()), sa.bindparam("t", type_=sa.BigInteger()))
    if engine.dialect.name == "postgresql":
        statement = sa.text(statement.text.replace(":m", "CAST(:m AS bigint)"))
    for first in range(n_templates + 1, n_models + 1, 100):
        with writing(engine) as connection:
            for model_id in range(first, min(first + 100, n_models + 1)):
                connection.execute(statement, {"m": model_id, "t": 1 + model_id % n_templates})


def _point(draw: random.Random, model_id: int, index: int) -> dict[str, Any]:
    doubt = 10 ** draw.uniform(-7, -0.1)
    right = draw.random() > doubt
    norm = doubt * 10 ** draw.gauss(0, 0.5)
    return {
        **POINT,
        "model_id": model_id,
        "point_index": index,
        "correct": right,
        "predicted": 1 if right else 2,
        "loss": doubt if right else 3 + draw.random(),
        "doubt": doubt,
        "entropy": 2 * doubt * draw.uniform(0.9, 1.1),
        "margin": (1 if right else -1) * draw.expovariate(1) / (doubt + 0.01),
        "jacobian_norm": norm,
        "log10_jacobian_norm": math.log10(norm),
        "logit_jacobian_norm": norm / (doubt + 0.01),
    }
