"""What came out: metrics of models, test points and trajectories, region slices, artifacts, data sets, the dictionary.

Columns that hold a metric are made from `sensdb.definitions.metrics`, so a metric's name, unit and meaning stand once.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sensdb.database.columns import (
    BIGINT,
    Finite,
    bigint,
    bulk_model_key,
    flag,
    integer,
    model_key,
    one_of,
    real,
    serial,
    sha256,
    table,
    text,
)
from sensdb.definitions.metrics import (
    MODEL_METRICS,
    POINT_METRICS,
    STOP_REASONS,
    TRAJECTORY_METRICS,
    Metric,
)

SPLITS = ("train", "test")
ARTIFACT_KINDS = ("weights", "regions")


def metric_column(metric: Metric) -> sa.Column[Any]:
    """The column that stores a metric of a model; NULL where the number does not exist."""
    if metric.name == "stop_reason":
        return one_of(metric.name, metric.description, STOP_REASONS, nullable=True, info={"unit": metric.unit})
    if metric.storage == "text":
        return text(metric.name, metric.description, nullable=True, info={"unit": metric.unit})
    if metric.storage == "boolean":
        return flag(metric.name, metric.description, nullable=True, info={"unit": metric.unit})
    if metric.storage == "integer":
        return integer(metric.name, metric.description, nullable=True, unit=metric.unit)
    return real(metric.name, metric.description, unit=metric.unit, width=4 if metric.storage == "real4" else 8)


def bulk_metric_columns(metrics: tuple[Metric, ...]) -> list[sa.schema.SchemaItem]:
    """The columns that store metrics of points, and one CHECK for all their reals.

    It makes a load a tenth longer (640,000 points by COPY: 1.28 s for 1.16 s), a CHECK for each column 1.72 s.
    """
    columns = [metric_column(metric) for metric in metrics]
    plain = [
        sa.Column(column.name, column.type, nullable=column.nullable, comment=column.comment, info=column.info)
        for column in columns
    ]
    reals = [metric.name for metric in metrics if metric.storage in ("real4", "real8")]
    return [*plain, sa.CheckConstraint(Finite(*reals), name="finite")]


def position(name: str, comment: str) -> sa.Column[Any]:
    """A part of a primary key that counts from 0 within the model."""
    return integer(name, comment, primary_key=True, autoincrement=False)


model_metrics = table(
    "model_metrics",
    model_key(primary_key=True),
    text("result_id", "Random UUID of this result; a model measured again gets a new one.", unique=True),
    integer("attempt", "The attempt that stored it."),
    text("measured_on", "Class of the device that measured."),
    *(metric_column(metric) for metric in MODEL_METRICS),
    text("engine_version", "Version of the training engine; with device_class and spec it fixes the bits."),
    text("device_class", "Class of the device that trained."),
    comment="The result of a model: a result is there if and only if its row here is.",
)

point_metrics = table(
    "point_metrics",
    bulk_model_key(),
    sa.Column(
        "point_index", sa.Integer(), primary_key=True, comment="Position of the test point in its data set, from 0."
    ),
    *bulk_metric_columns(POINT_METRICS),
    comment="One row a model and test point.",
    sqlite_with_rowid=False,
)

trajectory_metrics = table(
    "trajectory_metrics",
    bulk_model_key(),
    position("trajectory", "Number of the trajectory, from 0."),
    position("position", "Number of the point along the trajectory, from 0."),
    *bulk_metric_columns(TRAJECTORY_METRICS),
    comment="One row a model, trajectory and position along it.",
    sqlite_with_rowid=False,
)

artifacts = table(
    "artifacts",
    serial("artifact_id", "Number of the artifact, given by the database."),
    model_key(),
    one_of("kind", "weights or regions.", ARTIFACT_KINDS),
    text("uri", "Name of the file within the artifact folder or URL, SENSDB_ARTIFACTS."),
    sha256("sha256", "SHA-256 of the file."),
    bigint("bytes", "Size of the file.", unit="bytes"),
    sa.Index("ix_artifacts_model_id", "model_id"),
    comment="Files that belong to models; one row a file.",
    sqlite_autoincrement=True,
)

region_slices = table(
    "region_slices",
    model_key(primary_key=True),
    position("slice", "Number of the plane, from 0."),
    one_of("moment", "before or after training.", ("before", "after"), primary_key=True),
    one_of("scope", "Units whose regions are meant: last_hidden or all.", ("last_hidden", "all"), primary_key=True),
    text("method", "How regions were found: exact or pixels."),
    integer("n_regions", "Linear regions in the window.", nullable=True),
    real("density_at_points", "Length of region boundaries an area, near the training points.", unit="1/length"),
    real("density_mean", "Length of region boundaries an area, over the window.", unit="1/length"),
    sa.Column(
        "artifact_id",
        BIGINT,
        sa.ForeignKey("artifacts.artifact_id"),
        comment="The stored picture; key of table artifacts.",
    ),
    comment="Linear regions on planes through training points; one row a model, plane, moment and scope.",
)

datasets = table(
    "datasets",
    text(
        "dataset",
        "Data set: a built-in name, or npz: and the SHA-256 of the arrays.",
        primary_key=True,
    ),
    text("name", "Name to show: the built-in name, or the file's stem."),
    text("last_path", "Where an .npz file lay when it was last enqueued.", nullable=True),
    integer("n_train", "Training points.", unit="points"),
    integer("n_test", "Test points.", unit="points"),
    integer("height", "Height of an image.", unit="pixels"),
    integer("width", "Width of an image.", unit="pixels"),
    integer("channels", "Colour channels of an image."),
    integer("n_classes", "Classes."),
    sha256("checksum", "SHA-256 of the arrays; NULL until a worker has read them.", nullable=True),
    comment="Data sets that models were trained on; one row a data set.",
)

dataset_points = table(
    "dataset_points",
    sa.Column(
        "dataset",
        sa.Text(),
        sa.ForeignKey("datasets.dataset"),
        primary_key=True,
        comment="The data set; key of table datasets.",
    ),
    one_of("split", "train or test.", SPLITS, primary_key=True),
    sa.Column(
        "point_index", sa.Integer(), primary_key=True, comment="Position in the official order of its split, from 0."
    ),
    integer("label", "True class, from 0."),
    comment="Labels of the data sets; one row a point.",
    sqlite_with_rowid=False,
)

data_dictionary = table(
    "data_dictionary",
    text("table_name", "Table or view.", primary_key=True),
    text("column_name", "Column; empty in the row that describes the table or view itself.", primary_key=True),
    text("data_type", "text, integer, real, boolean or timestamp; empty for a table or view."),
    text("unit", "Unit of the numbers; empty where they have none."),
    text("description", "What it means."),
    comment="What every table, view and column means; one row each.",
    sqlite_with_rowid=False,
)
