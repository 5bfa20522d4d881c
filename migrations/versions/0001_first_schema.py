"""The first schema: sweeps, models, jobs, results, data sets, and the tables that describe the database.

Views, comments and the rows of data_dictionary follow from the code and are made after the last revision.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

LARGEST_KEY = 2**53 - 1
BIGINT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REAL8 = sa.Double().with_variant(sa.REAL(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")

POINT_REALS = (
    *("loss", "doubt", "entropy", "margin", "jacobian_norm", "log10_jacobian_norm", "logit_jacobian_norm"),
    *("jacobian_spectral_norm", "logit_jacobian_spectral_norm", "input_gradient_norm", "boundary_distance"),
)
TRAJECTORY_REALS = ("angle", "jacobian_norm", "log10_jacobian_norm")
STATISTICS = ("mean", "median", "q05", "q25", "q75", "q95", "mean_right", "mean_train")
SUMMARIES = [f"{metric}_{statistic}" for metric in (*POINT_REALS, "transitions") for statistic in STATISTICS]
CLAIMABLE = "state = 'queued' AND NOT held"


def upgrade() -> None:
    """Create every table; one transaction on both databases."""
    create_sweeps_and_models()
    create_queue()
    create_results()
    create_data_sets_and_descriptions()


def create_sweeps_and_models() -> None:
    table(
        "sweeps",
        serial("sweep_id"),
        text("name"),
        text("description", nullable=True),
        integer("priority", default="0"),
        flag("paused", default=True),
        moment("created_at", default=True),
        unique("sweeps", "name"),
        key=["sweep_id"],
        sqlite_autoincrement=True,
    )
    table(
        "models",
        serial("model_id"),
        sha256("spec_sha256"),
        sha256("configuration_sha256"),
        text("spec"),
        text("dataset"),
        integer("n_train", nullable=True),
        integer("crop", nullable=True),
        integer("hidden_layers"),
        integer("width", nullable=True),
        text("widths"),
        text("nonlinearity"),
        flag("biases"),
        real("weight_scale"),
        real("label_noise"),
        *(text(name, nullable=True) for name in ("augmentation", "loss", "optimizer")),
        real("momentum"),
        real("learning_rate"),
        integer("learning_rate_drop_epochs", nullable=True),
        integer("batch_size", nullable=True),
        flag("full_batch", nullable=True),
        integer("max_steps", nullable=True),
        text("stop_rule", nullable=True),
        real("stop_loss"),
        text("dtype"),
        bigint("seed", nullable=True),
        sha256("source_sha256", nullable=True),
        integer("n_train_points", nullable=True),
        *(integer(name) for name in ("n_test_points", "n_classes", "input_size")),
        bigint("n_parameters"),
        bigint("n_hidden_units"),
        moment("created_at", default=True),
        unique("models", "spec_sha256"),
        key=["model_id"],
        sqlite_autoincrement=True,
    )
    op.create_index("ix_models_configuration_sha256", "models", ["configuration_sha256"])
    table(
        "sweep_definitions",
        reference("sweep_id"),
        sha256("definition_sha256"),
        text("definition"),
        moment("enqueued_at", default=True),
        integer("n_models"),
        foreign("sweep_definitions", "sweep_id", "sweeps"),
        key=["sweep_id", "definition_sha256"],
    )
    table(
        "sweep_models",
        reference("sweep_id"),
        reference("model_id"),
        foreign("sweep_models", "sweep_id", "sweeps"),
        foreign("sweep_models", "model_id", "models"),
        key=["sweep_id", "model_id"],
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sweep_models_model_id", "sweep_models", ["model_id"])


def create_queue() -> None:
    table(
        "jobs",
        reference("model_id"),
        one_of("state", "queued", "running", "done", "dead", "cancelled"),
        one_of("kind", "train", "measure"),
        text("measure"),
        flag("held", default=True),
        integer("priority", default="0"),
        text("pack_key"),
        moment("run_after", default=True),
        *(integer(name, default="0") for name in ("attempt", "exceptions", "losses")),
        text("worker_id", nullable=True),
        moment("lease_until", nullable=True),
        flag("cancel_requested", default=True),
        moment("finished_at", nullable=True),
        foreign("jobs", "model_id", "models"),
        check("jobs", "lease_exactly_while_running", "(state = 'running') = (lease_until IS NOT NULL)"),
        check("jobs", "running_has_a_worker", "state <> 'running' OR worker_id IS NOT NULL"),
        check(
            "jobs",
            "finished_exactly_when_ended",
            "(state IN ('done', 'dead', 'cancelled')) = (finished_at IS NOT NULL)",
        ),
        check("jobs", "cancel_request_only_while_running", "state = 'running' OR NOT cancel_requested"),
        check(
            "jobs", "attempts_cover_the_budgets", "exceptions >= 0 AND losses >= 0 AND attempt >= exceptions + losses"
        ),
        key=["model_id"],
        postgresql_with={"fillfactor": 85, "autovacuum_vacuum_scale_factor": 0.02},
    )
    # As text: with DESC, alembic would write the table's name before each column.
    op.execute(f"CREATE INDEX ix_jobs_queued ON jobs (priority DESC, model_id) WHERE {CLAIMABLE}")
    op.execute(f"CREATE INDEX ix_jobs_queued_pack ON jobs (pack_key, priority DESC, model_id) WHERE {CLAIMABLE}")
    op.execute("CREATE INDEX ix_jobs_running ON jobs (worker_id) WHERE state = 'running'")
    table(
        "attempts",
        reference("model_id"),
        integer("attempt"),
        one_of("kind", "train", "measure"),
        text("worker_id"),
        moment("claimed_at"),
        moment("ended_at", nullable=True),
        one_of("outcome", "done", "failed", "released", "lost", nullable=True),
        *(text(name, nullable=True) for name in ("error_type", "error_message", "traceback")),
        foreign("attempts", "model_id", "models"),
        check("attempts", "attempt_from_1", "attempt >= 1"),
        check("attempts", "ended_exactly_with_an_outcome", "(outcome IS NULL) = (ended_at IS NULL)"),
        key=["model_id", "attempt"],
    )
    table(
        "workers",
        text("worker_id"),
        text("host"),
        text("boot_id", nullable=True),
        integer("pid"),
        text("device"),
        text("device_name", nullable=True),
        text("device_class"),
        text("versions"),
        moment("started_at", default=True),
        moment("beat_at", default=True),
        moment("stopped_at", nullable=True),
        bigint("models_done", default="0"),
        real("model_steps_per_second"),
        key=["worker_id"],
    )
    table(
        "queue_settings",
        integer("id"),
        *(real(name, nullable=False) for name in ("lease_seconds", "beat_seconds", "reap_seconds", "poll_seconds")),
        integer("exception_budget"),
        integer("loss_budget"),
        check("queue_settings", "one_row", "id = 1"),
        check(
            "queue_settings",
            "beats_within_the_lease",
            "beat_seconds > 0 AND beat_seconds < lease_seconds AND reap_seconds > 0 AND poll_seconds > 0",
        ),
        check("queue_settings", "budgets_from_1", "exception_budget >= 1 AND loss_budget >= 1"),
        key=["id"],
    )
    op.execute("INSERT INTO queue_settings VALUES (1, 120, 20, 30, 1, 3, 5)")


def create_results() -> None:
    table(
        "model_metrics",
        reference("model_id"),
        text("result_id"),
        integer("attempt"),
        text("measured_on"),
        one_of("stop_reason", "budget", "fitted", "loss", "converged", "diverged", "imported", nullable=True),
        flag("fitted", nullable=True),
        integer("steps", nullable=True),
        *(real(name) for name in ("train_accuracy", "test_accuracy", "generalization_gap", "train_loss", "test_loss")),
        *(real(name) for name in SUMMARIES),
        integer("n_zero_jacobian", nullable=True),
        integer("n_points_stored", nullable=True),
        real("weight_norm"),
        real("log10_weight_norm_product"),
        real("log10_weight_spectral_norm_product"),
        real("train_seconds"),
        real("measure_seconds"),
        text("transitions_method", nullable=True),
        integer("transitions_points", nullable=True),
        text("engine_version"),
        text("device_class"),
        unique("model_metrics", "result_id"),
        foreign("model_metrics", "model_id", "models"),
        key=["model_id"],
    )
    table(
        "point_metrics",
        reference("model_id"),
        integer("point_index"),
        integer("label", nullable=True),
        integer("predicted", nullable=True),
        flag("correct", nullable=True),
        *(sa.Column(name, sa.REAL()) for name in POINT_REALS),
        integer("transitions", nullable=True),
        check("point_metrics", "finite", finite(*POINT_REALS)),
        key=["model_id", "point_index"],
        sqlite_with_rowid=False,
    )
    table(
        "trajectory_metrics",
        reference("model_id"),
        integer("trajectory"),
        integer("position"),
        text("kind", nullable=True),
        *(sa.Column(name, sa.REAL()) for name in TRAJECTORY_REALS),
        integer("transitions", nullable=True),
        check("trajectory_metrics", "finite", finite(*TRAJECTORY_REALS)),
        key=["model_id", "trajectory", "position"],
        sqlite_with_rowid=False,
    )
    table(
        "artifacts",
        serial("artifact_id"),
        reference("model_id"),
        one_of("kind", "weights", "regions"),
        text("uri"),
        sha256("sha256"),
        bigint("bytes"),
        foreign("artifacts", "model_id", "models"),
        key=["artifact_id"],
        sqlite_autoincrement=True,
    )
    op.create_index("ix_artifacts_model_id", "artifacts", ["model_id"])
    table(
        "region_slices",
        reference("model_id"),
        integer("slice"),
        one_of("moment", "before", "after"),
        one_of("scope", "last_hidden", "all"),
        text("method"),
        integer("n_regions", nullable=True),
        *(real(name) for name in ("density_at_points", "density_mean")),
        reference("artifact_id", nullable=True),
        foreign("region_slices", "model_id", "models"),
        foreign("region_slices", "artifact_id", "artifacts"),
        key=["model_id", "slice", "moment", "scope"],
    )


def create_data_sets_and_descriptions() -> None:
    table(
        "datasets",
        text("dataset"),
        text("name"),
        text("last_path", nullable=True),
        *(integer(name) for name in ("n_train", "n_test", "height", "width", "channels", "n_classes")),
        sha256("checksum", nullable=True),
        key=["dataset"],
    )
    table(
        "dataset_points",
        text("dataset"),
        one_of("split", "train", "test"),
        integer("point_index"),
        integer("label"),
        foreign("dataset_points", "dataset", "datasets"),
        key=["dataset", "split", "point_index"],
        sqlite_with_rowid=False,
    )
    table(
        "data_dictionary",
        *(text(name) for name in ("table_name", "column_name", "data_type", "unit", "description")),
        key=["table_name", "column_name"],
        sqlite_with_rowid=False,
    )
    table(
        "database_identity",
        integer("id"),
        text("identity"),
        moment("created_at", default=True),
        check("database_identity", "one_row", "id = 1"),
        key=["id"],
    )


def table(name: str, *items: sa.schema.SchemaItem, key: list[str], **options: Any) -> None:
    """Create a table, STRICT on SQLite, with the CHECK that each column brings."""
    brought = [item.info["check"] for item in items if isinstance(item, sa.Column) and "check" in item.info]
    checks = [check(name, suffix, condition) for suffix, condition in brought]
    op.create_table(
        name, *items, *checks, sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")), sqlite_strict=True, **options
    )


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def unique(table: str, column: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(column, name=op.f(f"uq_{table}_{column}"))


def foreign(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.{column}"], name=op.f(f"fk_{table}_{column}_{to}"))


def finite(*columns: str) -> str:
    low, high = ("-9e999", "9e999") if on_sqlite() else ("'-infinity'", "'infinity'")
    return " AND ".join(f"{name} > {low} AND {name} < {high}" for name in columns)


def on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def column(
    name: str, kind: Any, *, nullable: bool, default: str | None = None, check: tuple[str, str] | None = None
) -> sa.Column[Any]:
    """A column; `check` is the CHECK it brings, as suffix of its name and condition."""
    info = {"check": check} if check else {}
    # autoincrement=False: PostgreSQL would make a SERIAL of a key of one integer.
    return sa.Column(
        name, kind, nullable=nullable, autoincrement=False, server_default=default and sa.text(default), info=info
    )


def serial(name: str) -> sa.Column[Any]:
    info = {"check": (f"{name}_range", f"{name} BETWEEN 1 AND {LARGEST_KEY}")}
    return sa.Column(name, BIGINT, sa.Identity(always=False, maxvalue=LARGEST_KEY), primary_key=True, info=info)


def reference(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return column(name, BIGINT, nullable=nullable)


def text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return column(name, sa.Text(), nullable=nullable)


def sha256(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return column(name, sa.Text(), nullable=nullable, check=(f"{name}_length", f"length({name}) = 64"))


def one_of(name: str, *values: str, nullable: bool = False) -> sa.Column[Any]:
    listed = ", ".join(f"'{value}'" for value in values)
    return column(name, sa.Text(), nullable=nullable, check=(name, f"{name} IN ({listed})"))


def integer(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[Any]:
    return column(name, sa.Integer(), nullable=nullable, default=default)


def bigint(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[Any]:
    in_range = (f"{name}_range", f"{name} BETWEEN 0 AND {LARGEST_KEY}")
    return column(name, BIGINT, nullable=nullable, default=default, check=in_range)


def real(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    return column(name, REAL8, nullable=nullable, check=(f"{name}_finite", finite(name)))


def flag(name: str, *, nullable: bool = False, default: bool = False) -> sa.Column[Any]:
    zero_or_one = (f"{name}_flag", f"{name} IN (0, 1)") if on_sqlite() else None
    false = "0" if on_sqlite() else "false"
    return column(name, FLAG, nullable=nullable, default=false if default else None, check=zero_or_one)


def moment(name: str, *, nullable: bool = False, default: bool = False) -> sa.Column[Any]:
    now = "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')" if on_sqlite() else "now()"
    form = (f"{name}_form", f"length({name}) = 26") if on_sqlite() else None
    return column(name, MOMENT, nullable=nullable, default=now if default else None, check=form)
