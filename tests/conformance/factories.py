"""Specs, sweeps, workers and results made up for the tests of the queue; and what the tables say afterwards."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.engine import reading, writing
from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.metrics import MODEL_METRICS, POINT_METRICS
from sensdb.definitions.spec import TrainingSpec, make_spec
from sensdb.jobs.queue import Job, Pair, Queue, SweepRecord, WorkerRecord
from sensdb.jobs.records import Enqueued
from sensdb.jobs.transactions import transact
from sensdb.results.writer import Result

INFOS = {"digits": dataset_info("digits")}


class Draws(random.Random):
    """Draws one number for ever: 1.0 makes every backoff as long as it can be."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self._value = value

    def random(self) -> float:
        return self._value


def a_spec(seed: int = 0, **fields: object) -> TrainingSpec:
    """A small network on digits; another width is another pack key."""
    given = {"dataset": "digits", "hidden_layers": 1, "width": 4, "batch_size": 32, "learning_rate": 0.1, "seed": seed}
    return make_spec(given | fields, dataset_info)


def some_specs(n: int, **fields: object) -> list[TrainingSpec]:
    """n specs of one pack key, told apart by their seeds."""
    return [a_spec(seed, **fields) for seed in range(n)]


def a_sweep(name: str = "sweep", *, priority: int = 0, text: str = "") -> SweepRecord:
    """A sweep by name; `text` for a further text under the same name."""
    definition = f"name: {name}\n{text}"
    return SweepRecord(name, "made up", priority, definition, hashlib.sha256(definition.encode()).hexdigest())


def enqueue(
    queue: Queue,
    specs: Sequence[TrainingSpec],
    sweep: str = "sweep",
    *,
    priority: int = 0,
    text: str = "",
    measure: MeasureSettings | Sequence[MeasureSettings] = MeasureSettings(),  # noqa: B008  (frozen)
) -> Enqueued:
    """Enqueue specs under a sweep."""
    return queue.enqueue(specs, sweep=a_sweep(sweep, priority=priority, text=text), measure=measure, infos=INFOS)


def a_worker(worker_id: str = "worker", **fields: Any) -> WorkerRecord:
    """A worker of this test."""
    given = {"host": "host", "boot_id": "boot", "pid": 1, "device": "cpu", "device_name": None}
    given |= {"device_class": "cpu-test", "versions": "{}"}
    return WorkerRecord(worker_id, **given | fields)


def claim_one(queue: Queue, worker_id: str = "worker") -> Job:
    """Claim one job; there must be one."""
    (job,) = queue.claim(worker_id, 1)
    return job


def pairs(jobs: Iterable[Job]) -> list[Pair]:
    """The fences of jobs."""
    return [(job.model_id, job.attempt) for job in jobs]


def a_result(job: Job | Pair, n_points: int = 3, **fields: Any) -> Result:
    """A result with every metric, its point rows 0 .. n_points - 1; loss of point i is 0.1 i + attempt."""
    model_id, attempt = (job.model_id, job.attempt) if isinstance(job, Job) else job
    given: dict[str, Any] = {"metrics": all_metrics(), "points": all_points(n_points, attempt)}
    given |= {"engine_version": "1", "device_class": "cpu-test"}
    return Result(model_id, attempt, **given | fields)


def all_metrics(value: float = 0.5) -> dict[str, object]:
    """Every column of model_metrics."""
    made: dict[str, object] = {
        "text": "exact",
        "boolean": True,
        "integer": 7,
    }
    metrics = {metric.name: made.get(metric.storage, value) for metric in MODEL_METRICS}
    return metrics | {"stop_reason": "fitted", "n_points_stored": 0}


def all_points(n_points: int, offset: float = 0.0) -> dict[str, np.ndarray]:
    """Every column of point_metrics."""
    points: dict[str, np.ndarray] = {"point_index": np.arange(n_points)}
    for metric in POINT_METRICS:
        if metric.storage == "real4":
            points[metric.name] = np.arange(n_points) * 0.1 + offset
        else:
            points[metric.name] = np.arange(n_points) % 2
    return points


def query(engine: sa.Engine, text: str, **values: object) -> list[tuple[Any, ...]]:
    """The rows of a SELECT."""
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(sa.text(text), values)]


def scalar(engine: sa.Engine, text: str, **values: object) -> Any:
    """The one value of a SELECT."""
    ((value,),) = query(engine, text, **values)
    return value


def execute(engine: sa.Engine, text: str, **values: object) -> None:
    """Change rows behind the queue's back; repeated after a deadlock with one of its own transactions."""
    transact(engine, lambda connection: connection.execute(sa.text(text), values))


def job_row(engine: sa.Engine, model_id: int) -> dict[str, Any]:
    """The row of a job."""
    with reading(engine) as connection:
        found = connection.execute(sa.text("select * from jobs where model_id = :id"), {"id": model_id}).one()
        return dict(found._mapping)


def states(engine: sa.Engine) -> list[str]:
    """The states of all jobs by model_id."""
    return [state for (state,) in query(engine, "select state from jobs order by model_id")]


def expire(engine: sa.Engine, *model_ids: int) -> None:
    """Let leases be past, as after a long silence of their worker."""
    past = "'2020-01-01 00:00:00.000000'"
    for model_id in model_ids:
        execute(engine, f"update jobs set lease_until = {past} where model_id = :id", id=model_id)


def make_due(engine: sa.Engine) -> None:
    """Let every backoff be over."""
    execute(engine, "update jobs set run_after = '2020-01-01 00:00:00.000000' where run_after is not null")


def keep_weights(engine: sa.Engine, model_id: int) -> None:
    """Note stored weights of a model."""
    execute(
        engine,
        "insert into artifacts (model_id, kind, uri, sha256, bytes) values (:id, 'weights', 'weights/1', :sha, 10)",
        id=model_id,
        sha="0" * 64,
    )


# Rows that hang on others come first.
ALL_TABLES = ("region_slices", "artifacts", "trajectory_metrics", "point_metrics", "model_metrics", "attempts", "jobs")
ALL_TABLES += ("sweep_models", "models", "sweep_definitions", "sweeps", "workers", "dataset_points", "datasets")


def clear(engine: sa.Engine) -> None:
    """Empty the database, settings and dictionary excepted."""
    with writing(engine) as connection:
        for table in ALL_TABLES:
            connection.exec_driver_sql(f"delete from {table}")


def forbid_points(engine: sa.Engine, point_index: int) -> None:
    """Let the database refuse this point's row, as a full disk would in the middle of a store."""
    if engine.dialect.name == "sqlite":
        execute(
            engine,
            f"create trigger full_disk before insert on point_metrics when new.point_index = {point_index}"
            " begin select raise(abort, 'no space left'); end",
        )
        return
    assert engine.dialect.name == "postgresql"
    execute(
        engine,
        "create function full_disk() returns trigger language plpgsql as"
        " $$ begin raise exception 'no space left' using errcode = '53100'; end $$",
    )
    execute(
        engine,
        "create trigger full_disk before insert on point_metrics for each row"
        f" when (new.point_index = {point_index}) execute function full_disk()",
    )


def many_models(engine: sa.Engine, n: int) -> None:
    """n queued jobs, copies of the one model there is but for the hash; quicker than enqueuing."""
    numbers = (
        f"with recursive numbers(i) as (select 1 union all select i + 1 from numbers where i < {n})"
        if engine.dialect.name == "sqlite"
        else f"with numbers(i) as (select generate_series(1, {n}))"
    )
    copied = [
        column.name for column in schema.models.columns if column.name not in ("model_id", "spec_sha256", "created_at")
    ]
    padded = "substr('0000000000' || cast(i as text), -10) || substr(m.spec_sha256, 11)"
    if engine.dialect.name == "postgresql":
        padded = "lpad(cast(i as text), 10, '0') || substr(m.spec_sha256, 11)"
    execute(
        engine,
        f"{numbers} insert into models (spec_sha256, {', '.join(copied)})"
        f" select {padded}, {', '.join(copied)} from numbers cross join (select * from models limit 1) m",
    )
    execute(
        engine,
        "insert into jobs (model_id, state, kind, measure, pack_key)"
        " select m.model_id, 'queued', 'train', j.measure, j.pack_key from models m cross join"
        " (select measure, pack_key from jobs limit 1) j"
        " where m.model_id not in (select model_id from jobs)",
    )
