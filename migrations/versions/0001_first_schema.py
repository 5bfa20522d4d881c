"""The first schema: sweeps, models, jobs, results, data sets, and the tables that describe the database.

Views, comments and the rows of data_dictionary follow from the code and are made after the last revision.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LARGEST_KEY = 2**53 - 1
BIGINT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REAL8 = sa.Double().with_variant(sa.REAL(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")

POINT_REALS = (
    "loss",
    "doubt",
    "entropy",
    "margin",
    "jacobian_norm",
    "log10_jacobian_norm",
    "logit_jacobian_norm",
    "jacobian_spectral_norm",
    "logit_jacobian_spectral_norm",
    "input_gradient_norm",
    "boundary_distance",
)
STATISTICS = ("mean", "median", "q05", "q25", "q75", "q95", "mean_right", "mean_train")


def upgrade() -> None:
    """Create every table; one transaction on both databases."""
    create_sweeps_and_models()
    create_queue()
    create_results()
    create_descriptions()


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
        numbered="sweep_id",
        moments=("created_at",),
        flags=("paused",),
    )
    table(
        "models",
        serial("model_id"),
        *(text(name) for name in ("spec_sha256", "configuration_sha256", "spec", "dataset")),
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
        text("source_sha256", nullable=True),
        integer("n_train_points", nullable=True),
        integer("n_test_points"),
        integer("n_classes"),
        integer("input_size"),
        bigint("n_parameters"),
        bigint("n_hidden_units"),
        moment("created_at", default=True),
        unique("models", "spec_sha256"),
        *(sha256("models", name) for name in ("spec_sha256", "configuration_sha256", "source_sha256")),
        *(whole("models", name) for name in ("seed", "n_parameters", "n_hidden_units")),
        *finite("models", "weight_scale", "label_noise", "momentum", "learning_rate", "stop_loss"),
        numbered="model_id",
        moments=("created_at",),
        flags=("biases", "full_batch"),
    )
    op.create_index("ix_models_configuration_sha256", "models", ["configuration_sha256"])
    table(
        "sweep_definitions",
        key("sweep_id"),
        text("definition_sha256"),
        text("definition"),
        moment("enqueued_at", default=True),
        integer("n_models"),
        primary("sweep_definitions", "sweep_id", "definition_sha256"),
        foreign("sweep_definitions", "sweep_id", "sweeps"),
        sha256("sweep_definitions", "definition_sha256"),
        moments=("enqueued_at",),
    )
    table(
        "sweep_models",
        key("sweep_id"),
        key("model_id"),
        primary("sweep_models", "sweep_id", "model_id"),
        foreign("sweep_models", "sweep_id", "sweeps"),
        foreign("sweep_models", "model_id", "models"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sweep_models_model_id", "sweep_models", ["model_id"])


def create_queue() -> None:
    table(
        "jobs",
        key("model_id"),
        text("state"),
        text("kind"),
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
        primary("jobs", "model_id"),
        foreign("jobs", "model_id", "models"),
        one_of("jobs", "state", "queued", "running", "done", "dead", "cancelled"),
        one_of("jobs", "kind", "train", "measure"),
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
        moments=("run_after", "lease_until", "finished_at"),
        flags=("held", "cancel_requested"),
        postgresql_with={"fillfactor": 85, "autovacuum_vacuum_scale_factor": 0.02},
    )
    partial_index("ix_jobs_queued", ["priority DESC", "model_id"], "state = 'queued' AND NOT held")
    partial_index("ix_jobs_queued_pack", ["pack_key", "priority DESC", "model_id"], "state = 'queued' AND NOT held")
    partial_index("ix_jobs_running", ["worker_id"], "state = 'running'")
    table(
        "attempts",
        key("model_id"),
        integer("attempt"),
        text("kind"),
        text("worker_id"),
        moment("claimed_at"),
        moment("ended_at", nullable=True),
        *(text(name, nullable=True) for name in ("outcome", "error_type", "error_message", "traceback")),
        primary("attempts", "model_id", "attempt"),
        foreign("attempts", "model_id", "models"),
        one_of("attempts", "kind", "train", "measure"),
        one_of("attempts", "outcome", "done", "failed", "released", "lost"),
        check("attempts", "attempt_from_1", "attempt >= 1"),
        check("attempts", "ended_exactly_with_an_outcome", "(outcome IS NULL) = (ended_at IS NULL)"),
        moments=("claimed_at", "ended_at"),
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
        primary("workers", "worker_id"),
        whole("workers", "models_done"),
        *finite("workers", "model_steps_per_second"),
        moments=("started_at", "beat_at", "stopped_at"),
    )
    table(
        "queue_settings",
        integer("id"),
        *(real(name, nullable=False) for name in ("lease_seconds", "beat_seconds", "reap_seconds", "poll_seconds")),
        integer("exception_budget"),
        integer("loss_budget"),
        primary("queue_settings", "id"),
        check("queue_settings", "one_row", "id = 1"),
        check(
            "queue_settings",
            "beats_within_the_lease",
            "beat_seconds > 0 AND beat_seconds < lease_seconds AND reap_seconds > 0 AND poll_seconds > 0",
        ),
        check("queue_settings", "budgets_from_1", "exception_budget >= 1 AND loss_budget >= 1"),
        *finite("queue_settings", "lease_seconds", "beat_seconds", "reap_seconds", "poll_seconds"),
    )
    op.execute("INSERT INTO queue_settings VALUES (1, 120, 20, 30, 1, 3, 5)")


def create_results() -> None:
    summaries = [f"{metric}_{statistic}" for metric in (*POINT_REALS, "transitions") for statistic in STATISTICS]
    reals_before = ["train_accuracy", "test_accuracy", "generalization_gap", "train_loss", "test_loss", *summaries]
    reals_after = [
        "weight_norm",
        "log10_weight_norm_product",
        "log10_weight_spectral_norm_product",
        "train_seconds",
        "measure_seconds",
    ]
    table(
        "model_metrics",
        key("model_id"),
        text("result_id"),
        integer("attempt"),
        text("measured_on"),
        text("stop_reason", nullable=True),
        flag("fitted", nullable=True),
        integer("steps", nullable=True),
        *(real(name) for name in reals_before),
        integer("n_zero_jacobian", nullable=True),
        integer("n_points_stored", nullable=True),
        *(real(name) for name in reals_after),
        text("transitions_method", nullable=True),
        integer("transitions_points", nullable=True),
        text("engine_version"),
        text("device_class"),
        primary("model_metrics", "model_id"),
        unique("model_metrics", "result_id"),
        foreign("model_metrics", "model_id", "models"),
        one_of("model_metrics", "stop_reason", "budget", "fitted", "loss", "converged", "diverged", "imported"),
        *finite("model_metrics", *reals_before, *reals_after),
        flags=("fitted",),
    )
    table(
        "point_metrics",
        key("model_id"),
        integer("point_index"),
        integer("label", nullable=True),
        integer("predicted", nullable=True),
        flag("correct", nullable=True),
        *(sa.Column(name, sa.REAL()) for name in POINT_REALS),
        integer("transitions", nullable=True),
        primary("point_metrics", "model_id", "point_index"),
        check("point_metrics", "finite", all_finite(*POINT_REALS)),
        flags=("correct",),
        sqlite_with_rowid=False,
    )
    table(
        "trajectory_metrics",
        key("model_id"),
        integer("trajectory"),
        integer("position"),
        text("kind", nullable=True),
        *(sa.Column(name, sa.REAL()) for name in ("angle", "jacobian_norm", "log10_jacobian_norm")),
        integer("transitions", nullable=True),
        primary("trajectory_metrics", "model_id", "trajectory", "position"),
        check("trajectory_metrics", "finite", all_finite("angle", "jacobian_norm", "log10_jacobian_norm")),
        sqlite_with_rowid=False,
    )
    table(
        "artifacts",
        serial("artifact_id"),
        key("model_id"),
        text("kind"),
        text("uri"),
        text("sha256"),
        bigint("bytes"),
        foreign("artifacts", "model_id", "models"),
        one_of("artifacts", "kind", "weights", "regions"),
        sha256("artifacts", "sha256"),
        whole("artifacts", "bytes"),
        numbered="artifact_id",
    )
    op.create_index("ix_artifacts_model_id", "artifacts", ["model_id"])
    table(
        "region_slices",
        key("model_id"),
        integer("slice"),
        text("moment"),
        text("scope"),
        text("method"),
        integer("n_regions", nullable=True),
        real("density_at_points"),
        real("density_mean"),
        bigint("artifact_id", nullable=True),
        primary("region_slices", "model_id", "slice", "moment", "scope"),
        foreign("region_slices", "model_id", "models"),
        foreign("region_slices", "artifact_id", "artifacts"),
        one_of("region_slices", "moment", "before", "after"),
        one_of("region_slices", "scope", "last_hidden", "all"),
        *finite("region_slices", "density_at_points", "density_mean"),
    )


def create_descriptions() -> None:
    table(
        "datasets",
        text("dataset"),
        text("name"),
        text("last_path", nullable=True),
        *(integer(name) for name in ("n_train", "n_test", "height", "width", "channels", "n_classes")),
        text("checksum", nullable=True),
        primary("datasets", "dataset"),
        sha256("datasets", "checksum"),
    )
    table(
        "dataset_points",
        text("dataset"),
        text("split"),
        integer("point_index"),
        integer("label"),
        primary("dataset_points", "dataset", "split", "point_index"),
        foreign("dataset_points", "dataset", "datasets"),
        one_of("dataset_points", "split", "train", "test"),
        sqlite_with_rowid=False,
    )
    table(
        "data_dictionary",
        *(text(name) for name in ("table_name", "column_name", "data_type", "unit", "description")),
        primary("data_dictionary", "table_name", "column_name"),
        sqlite_with_rowid=False,
    )
    table(
        "database_identity",
        integer("id"),
        text("identity"),
        moment("created_at", default=True),
        primary("database_identity", "id"),
        check("database_identity", "one_row", "id = 1"),
        moments=("created_at",),
    )


def table(
    name: str,
    *items: Any,
    numbered: str | None = None,
    moments: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
    **options: Any,
) -> None:
    """Create a table, STRICT on SQLite, where moments are text of one length and flags are 0 or 1."""
    checks = []
    if numbered:
        checks = [primary(name, numbered), check(name, f"{numbered}_range", f"{numbered} BETWEEN 1 AND {LARGEST_KEY}")]
    if on_sqlite():
        checks += [check(name, f"{column}_form", f"length({column}) = 26") for column in moments]
        checks += [check(name, f"{column}_flag", f"{column} IN (0, 1)") for column in flags]
    op.create_table(name, *items, *checks, sqlite_strict=True, sqlite_autoincrement=numbered is not None, **options)


def on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def serial(name: str) -> sa.Column[Any]:
    return sa.Column(name, BIGINT, sa.Identity(always=False, maxvalue=LARGEST_KEY), primary_key=True)


def key(name: str) -> sa.Column[Any]:
    return sa.Column(name, BIGINT, nullable=False)


def text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def integer(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[Any]:
    # Without autoincrement=False a key of one integer becomes a SERIAL.
    return sa.Column(
        name, sa.Integer(), nullable=nullable, autoincrement=False, server_default=default and sa.text(default)
    )


def bigint(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, BIGINT, nullable=nullable, server_default=default and sa.text(default))


def real(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, REAL8, nullable=nullable)


def flag(name: str, *, nullable: bool = False, default: bool = False) -> sa.Column[Any]:
    return sa.Column(name, FLAG, nullable=nullable, server_default=sa.false() if default else None)


def moment(name: str, *, nullable: bool = False, default: bool = False) -> sa.Column[Any]:
    now = "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')" if on_sqlite() else "now()"
    return sa.Column(name, MOMENT, nullable=nullable, server_default=sa.text(now) if default else None)


def primary(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def unique(table: str, column: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(column, name=op.f(f"uq_{table}_{column}"))


def foreign(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.{column}"], name=op.f(f"fk_{table}_{column}_{to}"))


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def one_of(table: str, column: str, *values: str) -> sa.CheckConstraint:
    return check(table, column, f"{column} IN ({', '.join(repr(value) for value in values)})")


def sha256(table: str, column: str) -> sa.CheckConstraint:
    return check(table, f"{column}_length", f"length({column}) = 64")


def whole(table: str, column: str) -> sa.CheckConstraint:
    return check(table, f"{column}_range", f"{column} BETWEEN 0 AND {LARGEST_KEY}")


def finite(table: str, *columns: str) -> list[sa.CheckConstraint]:
    return [check(table, f"{name}_finite", all_finite(name)) for name in columns]


def all_finite(*columns: str) -> str:
    low, high = ("-9e999", "9e999") if on_sqlite() else ("'-infinity'", "'infinity'")
    return " AND ".join(f"{name} > {low} AND {name} < {high}" for name in columns)


def partial_index(name: str, columns: list[str], where: str) -> None:
    # As text: SQLAlchemy would put a table's name before DESC columns.
    op.execute(f"CREATE INDEX {name} ON jobs ({', '.join(columns)}) WHERE {where}")
