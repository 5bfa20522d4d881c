"""Which tables and figures a report has, in its order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asking:
    """A table to be: a saved query, or SQL of the report's own.

    Attributes:
        name: of the saved query, or of the table.
        title: what it answers; a saved query's own question where empty.
        sql: the report's own, over the views; None for a saved query.
        parameters: of the saved query, where others than its defaults.
        columns: those to show of a saved query that has many; empty for all.
        meanings: of columns that no view has.
        note: what a reader cannot see from the rows.
        tell: whether the page says that there are no rows, where there are none.
        always: whether it stands there without rows.
    """

    name: str
    title: str = ""
    sql: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    tell: bool = True
    always: bool = False


RUN = (
    Asking("sweep_progress", title="How far is each sweep?", always=True),
    Asking(
        "data_sets",
        title="Which data sets were networks trained on?",
        sql=(
            "select dataset, n_train_points, n_test_points, count(*) as n_models,"
            " count(*) filter (where fitted) as n_fitted, count(distinct configuration_sha256) as n_configurations"
            " from v_models group by all order by all"
        ),
        meanings={
            "n_models": "Models that have a result.",
            "n_fitted": "Those among them that fit all their training points.",
            "n_configurations": "Specs without their seed.",
        },
    ),
    Asking(
        "hardware",
        title="Which machines trained them, with which versions?",
        sql=(
            "select device_class, engine_version, count(*) as n_models, sum(train_seconds) as train_seconds,"
            " sum(measure_seconds) as measure_seconds from v_models group by all order by all"
        ),
        meanings={
            "n_models": "Models that have a result.",
            "train_seconds": "Seconds of training, each model's share of its pack.",
            "measure_seconds": "Seconds of measuring.",
        },
    ),
    Asking(
        "workers",
        title="Which workers ran?",
        sql=(
            "select device_name, versions, count(*) as n_workers, sum(models_done) as models_done,"
            " min(started_at) as first_started_at, max(beat_at) as last_beat_at"
            " from v_workers group by all order by all"
        ),
        meanings={
            "n_workers": "Worker processes.",
            "first_started_at": "When the first of them started, UTC.",
            "last_beat_at": "When one of them was last heard from, UTC.",
        },
        tell=False,
    ),
    Asking(
        "failures",
        title="What failed for good?",
        sql=(
            "select error_type, error_message, count(*) as n_jobs, min(model_id) as example_model_id"
            " from v_jobs where state = 'dead' group by all order by n_jobs desc, example_model_id"
        ),
        meanings={"n_jobs": "Jobs given up for this reason.", "example_model_id": "One of their models."},
        tell=False,
    ),
)
"""What was run, and how much of it is done."""

TABLES = (
    Asking("correlation", parameters={"unit": "configurations"}),
    Asking("factor_pairs"),
    Asking("points_by_quantile"),
    Asking("point_auroc"),
    Asking(
        "configurations",
        columns=(
            *("dataset", "n_train_points", "hidden_layers", "widths", "nonlinearity", "weight_scale", "label_noise"),
            *("augmentation", "loss", "optimizer", "learning_rate", "batch_size", "n_parameters", "n_seeds"),
            *("generalization_gap_mean", "jacobian_norm_mean", "transitions_mean", "test_accuracy_mean"),
            *("train_loss_mean",),
        ),
    ),
)
"""Answers, in the order of the argument: models, factors, points; then all configurations."""

PICTURES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("gap", {}),
    ("pairs", {}),
    ("points", {}),
    ("point_loss", {}),
    ("size", {}),
    ("trajectories", {}),
    ("regions", {}),
    ("scatter", {"x": "transitions", "y": "generalization_gap", "color": "n_hidden_units"}),
)
"""The main figure first; the last shows what the paper's appendix does, that transitions follow a network's size."""
