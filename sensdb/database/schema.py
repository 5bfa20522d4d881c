"""The schema of design.md 5, a SQLAlchemy Core table each; migrations build the same, and a test compares the two."""

from __future__ import annotations

from sensdb.database.columns import metadata
from sensdb.database.revision import REVISION, VERSION_TABLE
from sensdb.database.tables_queue import (
    ATTEMPT_OUTCOMES,
    JOB_KINDS,
    JOB_STATES,
    attempts,
    database_identity,
    jobs,
    models,
    queue_settings,
    sweep_definitions,
    sweep_models,
    sweeps,
    workers,
)
from sensdb.database.tables_results import (
    artifacts,
    data_dictionary,
    dataset_points,
    datasets,
    model_metrics,
    point_metrics,
    region_slices,
    trajectory_metrics,
)

__all__ = [
    "ATTEMPT_OUTCOMES",
    "JOB_KINDS",
    "JOB_STATES",
    "REVISION",
    "VERSION_TABLE",
    "artifacts",
    "attempts",
    "data_dictionary",
    "database_identity",
    "dataset_points",
    "datasets",
    "jobs",
    "metadata",
    "model_metrics",
    "models",
    "point_metrics",
    "queue_settings",
    "region_slices",
    "sweep_definitions",
    "sweep_models",
    "sweeps",
    "trajectory_metrics",
    "workers",
]
