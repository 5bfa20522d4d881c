"""The views of design.md 5, what BI tools and the saved queries read: columns never move, new ones come at the end.

A view is a list of described columns and the tables they come from, so its text and its place in the data dictionary
cannot differ. The text is the same on SQLite, PostgreSQL and DuckDB: it keeps to what the three share (FILTER, CAST,
no standard deviation, which SQLite lacks) and to types BI tools read (no numeric, arrays or JSON).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.columns import Flag, UtcTimestamp

Dialect = Literal["sqlite", "postgresql", "duckdb"]
DataType = Literal["text", "integer", "real", "boolean", "timestamp"]


@dataclass(frozen=True)
class ViewColumn:
    """A column of a view: its name, the expression it is, and what the data dictionary says of it."""

    name: str
    expression: str
    data_type: DataType
    unit: str
    description: str


@dataclass(frozen=True)
class View:
    """A view: what a row is, its columns in order, and everything after SELECT's list."""

    name: str
    description: str
    columns: tuple[ViewColumn, ...]
    source: str


def data_type(column: sa.Column[Any]) -> DataType:
    """The kind of values a table's column holds, in words that mean the same on every database."""
    if isinstance(column.type, UtcTimestamp):
        return "timestamp"
    if isinstance(column.type, Flag):
        return "boolean"
    if isinstance(column.type, sa.Float):
        return "real"
    return "integer" if isinstance(column.type, sa.Integer) else "text"


def of(
    alias: str, table: sa.Table, names: Iterable[str] | None = None, *, leave: Iterable[str] = ()
) -> list[ViewColumn]:
    """Columns taken over as they are: all of a table, or `names`, but not those in `leave`."""
    left_out = set(leave)
    wanted = [column.name for column in table.columns if column.name not in left_out] if names is None else names
    return [
        ViewColumn(
            name,
            f"{alias}.{name}",
            data_type(table.c[name]),
            table.c[name].info.get("unit", ""),
            table.c[name].comment or "",
        )
        for name in wanted
    ]


def twins(columns: Iterable[ViewColumn]) -> list[ViewColumn]:
    """For each boolean among `columns` a whole number beside it, which every chart can sum."""
    return [
        ViewColumn(
            f"{column.name}_int",
            f"CAST({column.expression} AS INTEGER)",
            "integer",
            "",
            f"{column.name} as a number: 1 is true, 0 is false.",
        )
        for column in columns
        if column.data_type == "boolean"
    ]


def renamed(column: ViewColumn, name: str) -> ViewColumn:
    """The column under another name."""
    return replace(column, name=name)


MODEL_OF_ROW = ("dataset", "spec_sha256", "configuration_sha256", "hidden_layers", "width", "nonlinearity")
"""What views of points, trajectories and regions say of the model, besides its noise, seed, loss and accuracy."""


def _main_columns(*, result: bool) -> list[ViewColumn]:
    columns = [*of("m", schema.models, [*MODEL_OF_ROW, "label_noise", "seed"])]
    columns += [renamed(column, "loss_function") for column in of("m", schema.models, ["loss"])]
    if result:
        columns += of("r", schema.model_metrics, ["train_accuracy", "test_accuracy", "generalization_gap"])
    return columns


def _models() -> View:
    model = of("m", schema.models, leave=["spec"])
    result = of("r", schema.model_metrics, leave=["model_id"])
    return View(
        "v_models",
        "Models that have a result, with their spec and their metrics; one row a model.",
        (*model, *result, *twins([*model, *result]), *of("m", schema.models, ["spec"])),
        "FROM models m JOIN model_metrics r ON r.model_id = m.model_id",
    )


def _sweep_models() -> View:
    has_result = ViewColumn("has_result", "(r.model_id IS NOT NULL)", "boolean", "", "Whether the model has a result.")
    return View(
        "v_sweep_models",
        "Which models a sweep holds; one row a sweep and model, with or without a result.",
        (
            *of("s", schema.sweeps, ["sweep_id"]),
            *(renamed(column, "sweep") for column in of("s", schema.sweeps, ["name"])),
            *of("m", schema.models, ["model_id", "spec_sha256", "configuration_sha256", "dataset", "seed"]),
            has_result,
            *twins([has_result]),
        ),
        "FROM sweeps s JOIN sweep_models b ON b.sweep_id = s.sweep_id JOIN models m ON m.model_id = b.model_id\n"
        "LEFT JOIN model_metrics r ON r.model_id = m.model_id",
    )


REPLICA_METRICS = (
    "train_accuracy",
    "test_accuracy",
    "generalization_gap",
    "train_loss",
    "test_loss",
    "jacobian_norm_mean",
    "log10_jacobian_norm_mean",
    "logit_jacobian_norm_mean",
    "transitions_mean",
    "weight_norm",
)
"""Metrics that v_configurations gives as mean, smallest and largest over replicas."""


def _configurations() -> View:
    spec = of("m", schema.models, leave=["model_id", "spec_sha256", "spec", "seed", "created_at"])
    metrics = of("r", schema.model_metrics, REPLICA_METRICS)
    over = (("mean", "avg", "Mean"), ("min", "min", "Smallest"), ("max", "max", "Largest"))
    summaries = [
        ViewColumn(
            f"{metric.name}_{suffix}",
            f"c.{metric.name}_{suffix}",
            "real",
            metric.unit,
            f"{word} over the configuration's models of {metric.name}: {metric.description}",
        )
        for metric in metrics
        for suffix, _, word in over
    ]
    grouped = ",\n    ".join(
        f"{function}({metric.expression}) AS {metric.name}_{suffix}"
        for metric in metrics
        for suffix, function, _ in over
    )
    counts = (
        ViewColumn("n_models", "c.n_models", "integer", "", "Models of the configuration that have a result."),
        ViewColumn("n_fitted", "c.n_fitted", "integer", "", "Those among them that fitted their training points."),
    )
    return View(
        "v_configurations",
        "Specs without their seed that have a result, with means and ranges over replicas; one row a configuration.",
        (*spec, *counts, *summaries, *twins(spec)),
        # A spec field is the same for all replicas, so any of them stands for all.
        "FROM (\n  SELECT m.configuration_sha256, min(m.model_id) AS model_id, count(*) AS n_models,\n"
        f"    count(*) FILTER (WHERE r.fitted) AS n_fitted,\n    {grouped}\n"
        "  FROM models m JOIN model_metrics r ON r.model_id = m.model_id GROUP BY m.configuration_sha256\n"
        ") c JOIN models m ON m.model_id = c.model_id",
    )


def _points() -> View:
    point = of("p", schema.point_metrics)
    return View(
        "v_points",
        "Metrics at test points, with the main columns of their model; one row a model and test point.",
        (
            *point,
            *twins(point),
            *_main_columns(result=True),
            *of("r", schema.model_metrics, ["transitions_method"]),
        ),
        "FROM point_metrics p JOIN models m ON m.model_id = p.model_id\n"
        "JOIN model_metrics r ON r.model_id = p.model_id",
    )


def _trajectories() -> View:
    return View(
        "v_trajectories",
        "Metrics along ellipses through training points; one row a model, trajectory and position.",
        (*of("t", schema.trajectory_metrics), *_main_columns(result=True)),
        "FROM trajectory_metrics t JOIN models m ON m.model_id = t.model_id\n"
        "JOIN model_metrics r ON r.model_id = t.model_id",
    )


def _regions() -> View:
    file = [renamed(column, f"artifact_{column.name}") for column in of("a", schema.artifacts, ["uri", "sha256"])]
    return View(
        "v_regions",
        "Linear regions on planes through training points; one row a model, plane, moment and scope.",
        (*of("g", schema.region_slices), *_main_columns(result=True), *file),
        "FROM region_slices g JOIN models m ON m.model_id = g.model_id\n"
        "JOIN model_metrics r ON r.model_id = g.model_id\n"
        "LEFT JOIN artifacts a ON a.artifact_id = g.artifact_id",
    )


def _jobs() -> View:
    job = of("j", schema.jobs, leave=["measure"])
    return View(
        "v_jobs",
        "Places in the queue, with how the last attempt ended; one row a model.",
        (
            *job,
            *twins(job),
            *_main_columns(result=False),
            *of("a", schema.attempts, ["outcome", "error_type", "error_message"]),
        ),
        "FROM jobs j JOIN models m ON m.model_id = j.model_id\n"
        "LEFT JOIN attempts a ON a.model_id = j.model_id AND a.attempt = j.attempt",
    )


def _attempts() -> View:
    return View(
        "v_attempts",
        "Tries at jobs, with the worker that tried; one row a model and attempt.",
        (*of("a", schema.attempts), *of("w", schema.workers, ["host", "pid", "device", "device_class"])),
        "FROM attempts a LEFT JOIN workers w ON w.worker_id = a.worker_id",
    )


def _workers() -> View:
    running = "(SELECT count(*) FROM jobs j WHERE j.worker_id = w.worker_id AND j.state = 'running')"
    return View(
        "v_workers",
        "Worker processes, running, stopped or lost; one row a start of a worker.",
        (
            *of("w", schema.workers),
            ViewColumn("n_running", running, "integer", "", "Jobs it holds."),
        ),
        "FROM workers w",
    )


def _sweep_progress() -> View:
    states = tuple(
        ViewColumn(state, f"c.{state}", "integer", "", f"Models of the sweep whose job is {state}.")
        for state in schema.JOB_STATES
    )
    counted = ", ".join(f"count(*) FILTER (WHERE j.state = '{state}') AS {state}" for state in schema.JOB_STATES)
    sweep = {column.name: column for column in of("s", schema.sweeps)}
    share = "CAST(c.done AS DOUBLE PRECISION) / nullif(c.n_models, 0)"
    return View(
        "v_sweep_progress",
        "How far each sweep is; one row a sweep.",
        (
            renamed(sweep["name"], "sweep"),
            sweep["sweep_id"],
            *states,
            ViewColumn("n_models", "c.n_models", "integer", "", "Models the sweep holds."),
            ViewColumn("share_done", share, "real", "", "Share of them that is done; NULL for a sweep without models."),
            sweep["paused"],
            *twins([sweep["paused"]]),
            sweep["priority"],
            sweep["created_at"],
        ),
        f"FROM sweeps s JOIN (\n  SELECT s.sweep_id, count(b.model_id) AS n_models,\n    {counted}\n"
        "  FROM sweeps s LEFT JOIN sweep_models b ON b.sweep_id = s.sweep_id\n"
        "  LEFT JOIN jobs j ON j.model_id = b.model_id GROUP BY s.sweep_id\n"
        ") c ON c.sweep_id = s.sweep_id",
    )


VIEWS: dict[str, View] = {
    view.name: view
    for view in (
        _models(),
        _sweep_models(),
        _configurations(),
        _points(),
        _trajectories(),
        _regions(),
        _jobs(),
        _attempts(),
        _workers(),
        _sweep_progress(),
    )
}


def view_sql(name: str, dialect: Dialect) -> str:
    """The SELECT that the view `name` is; alike on all three, `dialect` is for the day they must differ."""
    view = VIEWS[name]
    columns = ",\n  ".join(
        column.expression
        if column.expression.rpartition(".")[2] == column.name
        else f"{column.expression} AS {column.name}"
        for column in view.columns
    )
    return f"SELECT\n  {columns}\n{view.source}"


def create_views(connection: sa.Connection) -> None:
    """Make every view as the code has it. On PostgreSQL grants survive while columns only come at the end."""
    if connection.dialect.name == "sqlite":
        drop_views(connection)
        for name in VIEWS:
            connection.exec_driver_sql(f"CREATE VIEW {name} AS\n{view_sql(name, 'sqlite')}")
        return
    for name in VIEWS:
        text = view_sql(name, "postgresql")
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {name} AS\n{text}")
        except sa.exc.ProgrammingError:  # a column was renamed, retyped or taken away
            connection.exec_driver_sql(f"DROP VIEW {name}")
            connection.exec_driver_sql(f"CREATE VIEW {name} AS\n{text}")


def drop_views(connection: sa.Connection) -> None:
    """Drop every view of sensdb, those of earlier versions too, so that tables can be altered; no one else's."""
    inspector = sa.inspect(connection)
    ours = set(VIEWS)
    if inspector.has_table("data_dictionary"):
        ours.update(connection.execute(sa.select(schema.data_dictionary.c.table_name)).scalars())
    for name in inspector.get_view_names():
        if name in ours:
            connection.exec_driver_sql(f"DROP VIEW {name}")
