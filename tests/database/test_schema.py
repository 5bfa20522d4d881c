"""The schema: names and descriptions are complete, and a row that breaks a promise is refused by the database."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.columns import LARGEST_KEY
from sensdb.database.dictionary import entries
from sensdb.database.engine import open_engine, reading, writing
from sensdb.definitions.metrics import MODEL_METRICS, POINT_METRICS, TRAJECTORY_METRICS
from tests.database.planted import START, job, metrics, model, result

TABLES = list(schema.metadata.tables.values())
REFUSED = (sa.exc.IntegrityError, sa.exc.DataError)


@pytest.fixture
def with_model(engine: sa.Engine) -> sa.Engine:
    """A database with model 1."""
    insert(engine, schema.models, model(1, 1))
    return engine


def insert(engine: sa.Engine, table: sa.Table, *rows: dict[str, Any]) -> None:
    with writing(engine) as connection:
        connection.execute(table.insert(), list(rows))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_and_column_has_a_described_snake_case_name(table: sa.Table) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", table.name)
    assert (table.comment or "").endswith(".")
    for column in table.columns:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name)
        assert (column.comment or "").endswith("."), column.name


def test_every_constraint_in_postgresql_has_a_name_of_ours(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    with reading(engine) as connection:
        found = connection.execute(
            sa.text("SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'")
        ).scalars()
        names = list(found)
    engine.dispose()

    assert len(names) > 150
    assert all(re.match(r"(pk|uq|ck|fk)_", name) or name.startswith(schema.VERSION_TABLE) for name in names)
    assert all(len(name) <= 63 for name in names)


def test_every_constraint_in_sqlite_has_a_name_of_ours(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with reading(engine) as connection:
        texts = connection.execute(
            sa.text(f"SELECT sql FROM sqlite_master WHERE type = 'table' AND name <> '{schema.VERSION_TABLE}'")
        ).scalars()
        text = "\n".join(found for found in texts if found)
    engine.dispose()

    # SQLAlchemy writes a numbered key at its column, without a name.
    text = text.replace("PRIMARY KEY AUTOINCREMENT", "")
    constraints = re.findall(r"(?<!ck_)(?:CONSTRAINT (\w+) )?(CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY)\b", text)
    assert len(constraints) > 150
    assert all(re.match(r"(pk|uq|ck|fk)_", name) for name, _ in constraints)


def test_the_dictionary_says_what_the_code_says(engine: sa.Engine) -> None:
    with reading(engine) as connection:
        found = connection.execute(sa.select(schema.data_dictionary)).all()

    assert sorted(map(tuple, found)) == sorted(
        (entry.table_name, entry.column_name, entry.data_type, entry.unit, entry.description) for entry in entries()
    )


def test_the_dictionary_describes_every_column_there_is(engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    names = set(inspector.get_table_names()) - {schema.VERSION_TABLE} | set(inspector.get_view_names())
    there = {(name, column["name"]) for name in names for column in inspector.get_columns(name)}

    described = {(entry.table_name, entry.column_name) for entry in entries() if entry.column_name}
    assert described == there
    assert {entry.table_name for entry in entries() if not entry.column_name} == names


def test_postgresql_comments_are_the_dictionarys_texts(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    with reading(engine) as connection:
        found = connection.execute(
            sa.text(
                "SELECT c.relname, coalesce(a.attname, ''), d.description FROM pg_description d "
                "JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass "
                "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0 "
                "WHERE c.relnamespace = 'public'::regnamespace"
            )
        ).all()
    engine.dispose()

    assert set(map(tuple, found)) == {(entry.table_name, entry.column_name, entry.description) for entry in entries()}


def test_metrics_stand_in_the_schema_as_they_are_defined() -> None:
    for table, wanted in (
        (schema.model_metrics, MODEL_METRICS),
        (schema.point_metrics, POINT_METRICS),
        (schema.trajectory_metrics, TRAJECTORY_METRICS),
    ):
        names = [column.name for column in table.columns]
        first = names.index(wanted[0].name)
        assert names[first : first + len(wanted)] == [metric.name for metric in wanted]
        for metric in wanted:
            column = table.c[metric.name]
            assert (column.comment, column.info.get("unit")) == (metric.description, metric.unit)
            assert column.nullable


def test_a_job_begins_queued_with_every_default(with_model: sa.Engine) -> None:
    insert(
        with_model,
        schema.jobs,
        {"model_id": 1, "state": "queued", "kind": "train", "measure": "{}", "pack_key": "k"},
    )

    with reading(with_model) as connection:
        row = connection.execute(sa.select(schema.jobs)).mappings().one()
    defaults = ("held", "priority", "attempt", "exceptions", "losses", "worker_id", "lease_until", "cancel_requested")
    assert [row[name] for name in defaults] == [False, 0, 0, 0, 0, None, None, False]
    assert abs(row["run_after"] - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=10)


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        ("waiting", {}),
        ("queued", {"kind": "tune"}),
        ("queued", {"lease_until": START}),
        ("queued", {"finished_at": START}),
        ("queued", {"cancel_requested": True}),
        ("queued", {"exceptions": 1}),
        ("queued", {"attempt": 1, "exceptions": 1, "losses": 1}),
        ("queued", {"exceptions": -1}),
        ("running", {"lease_until": None}),
        ("running", {"worker_id": None}),
        ("running", {"finished_at": START}),
        ("done", {"finished_at": None}),
        ("done", {"lease_until": START}),
        ("dead", {"finished_at": None}),
        ("cancelled", {"finished_at": None}),
        ("cancelled", {"cancel_requested": True}),
    ],
)
def test_a_job_that_no_worker_could_take_or_end_is_refused(
    with_model: sa.Engine, state: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        insert(with_model, schema.jobs, job(1, state, **fields))


@pytest.mark.parametrize("state", schema.JOB_STATES)
def test_every_state_of_a_job_can_be_stored(with_model: sa.Engine, state: str) -> None:
    insert(with_model, schema.jobs, job(1, state))


@pytest.mark.parametrize(
    "fields",
    [
        {"attempt": 0},
        {"outcome": "done", "ended_at": None},
        {"outcome": None, "ended_at": START},
        {"outcome": "finished", "ended_at": START},
    ],
)
def test_an_attempt_ends_exactly_with_an_outcome(with_model: sa.Engine, fields: dict[str, Any]) -> None:
    row = {"model_id": 1, "attempt": 1, "kind": "train", "worker_id": "w", "claimed_at": START} | fields

    with pytest.raises(sa.exc.IntegrityError):
        insert(with_model, schema.attempts, row)


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["train_loss", "jacobian_norm_mean", "weight_norm"])
def test_infinity_is_refused_in_the_metrics_of_a_model(with_model: sa.Engine, name: str, value: float) -> None:
    with pytest.raises(sa.exc.IntegrityError, match=f"ck_model_metrics_{name}_finite"):
        insert(with_model, schema.model_metrics, result(1, **{name: value}))


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinity_is_refused_in_the_metrics_of_a_point(engine: sa.Engine, value: float) -> None:
    row = {"model_id": 1, "point_index": 0, **metrics(POINT_METRICS, 1, boundary_distance=value)}

    with pytest.raises(sa.exc.IntegrityError, match="ck_point_metrics_finite"):
        insert(engine, schema.point_metrics, row)


def test_nan_is_never_stored(with_model: sa.Engine) -> None:
    """PostgreSQL refuses it, SQLite makes it NULL; a difference that the writer closes by giving NULL itself."""
    row = result(1, train_loss=float("nan"))
    if with_model.dialect.name == "postgresql":
        with pytest.raises(sa.exc.IntegrityError, match="ck_model_metrics_train_loss_finite"):
            insert(with_model, schema.model_metrics, row)
        return
    insert(with_model, schema.model_metrics, row)
    with reading(with_model) as connection:
        assert connection.execute(sa.select(schema.model_metrics.c.train_loss)).scalar() is None


def test_points_keep_four_bytes_on_postgresql_and_what_they_get_on_sqlite(engine: sa.Engine) -> None:
    insert(engine, schema.point_metrics, {"model_id": 1, "point_index": 0, **metrics(POINT_METRICS, 1, loss=0.1)})

    with reading(engine) as connection:
        # Widened first: the driver would print four bytes by their shortest decimal.
        kept = connection.execute(sa.text("SELECT CAST(loss AS DOUBLE PRECISION) FROM point_metrics")).scalar()
    assert kept == (0.1 if engine.dialect.name == "sqlite" else 0.10000000149011612)


def test_a_point_is_stored_once(engine: sa.Engine) -> None:
    row = {"model_id": 1, "point_index": 0, **metrics(POINT_METRICS, 1)}
    insert(engine, schema.point_metrics, row)

    with pytest.raises(sa.exc.IntegrityError):
        insert(engine, schema.point_metrics, row)


def test_numbers_of_deleted_models_are_not_given_out_again(engine: sa.Engine) -> None:
    row = {key: value for key, value in model(1, 1).items() if key != "model_id"}
    insert(engine, schema.models, row)
    with writing(engine) as connection:
        connection.execute(schema.models.delete())
    insert(engine, schema.models, row)

    with reading(engine) as connection:
        assert connection.execute(sa.select(schema.models.c.model_id)).scalar() == 2


def test_keys_beyond_what_a_bi_tool_can_hold_are_refused(engine: sa.Engine) -> None:
    insert(engine, schema.models, model(LARGEST_KEY, 1))

    with pytest.raises(REFUSED):
        insert(engine, schema.models, model(LARGEST_KEY + 1, 1))


def test_a_spec_is_one_model(with_model: sa.Engine) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        insert(with_model, schema.models, model(2, 1, spec_sha256=f"{1:064d}"))


def test_a_model_with_a_job_cannot_be_deleted_by_itself(with_model: sa.Engine) -> None:
    insert(with_model, schema.jobs, job(1, "queued"))

    with pytest.raises(sa.exc.IntegrityError), writing(with_model) as connection:
        connection.execute(schema.models.delete())


@pytest.mark.parametrize("table", ["queue_settings", "database_identity"])
def test_a_table_of_one_row_takes_no_second(engine: sa.Engine, table: str) -> None:
    columns = ", ".join(column.name for column in schema.metadata.tables[table].columns if column.name != "id")

    with pytest.raises(sa.exc.IntegrityError), writing(engine) as connection:
        connection.execute(sa.text(f"INSERT INTO {table} (id, {columns}) SELECT 2, {columns} FROM {table}"))


@pytest.mark.parametrize(
    "change",
    ["beat_seconds = lease_seconds", "beat_seconds = 0", "exception_budget = 0", "loss_budget = 0", "poll_seconds = 0"],
)
def test_settings_under_which_no_lease_could_be_kept_are_refused(engine: sa.Engine, change: str) -> None:
    with pytest.raises(sa.exc.IntegrityError), writing(engine) as connection:
        connection.execute(sa.text(f"UPDATE queue_settings SET {change}"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE models SET label_noise = 'oops'",
        "UPDATE models SET hidden_layers = 1.5",
        "UPDATE models SET hidden_layers = 'two'",
        "UPDATE models SET biases = 2",
        "UPDATE models SET created_at = '2026-01-31T12:00:00Z'",
        "UPDATE models SET created_at = '2026-01-31 12:00:00'",
        "UPDATE models SET created_at = 1.5",
        "UPDATE models SET spec_sha256 = 'abc'",
    ],
)
def test_sqlite_refuses_what_its_types_alone_would_take(sqlite_url: str, statement: str) -> None:
    engine = open_engine(sqlite_url)
    insert(engine, schema.models, model(1, 1))

    with pytest.raises(sa.exc.IntegrityError), writing(engine) as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def test_a_moment_of_another_zone_is_stored_in_utc(engine: sa.Engine) -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    insert(engine, schema.models, model(1, 1, created_at=dt.datetime(2026, 1, 1, 12, tzinfo=east)))

    with reading(engine) as connection:
        kept = connection.execute(sa.select(schema.models.c.created_at)).scalar_one()
        text = connection.execute(sa.text("SELECT CAST(created_at AS TEXT) FROM models")).scalar_one()
    assert kept == dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC)
    assert kept.utcoffset() == dt.timedelta(0)
    assert text.startswith("2026-01-01 10:00:00")


def test_a_moment_without_a_zone_is_refused(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.StatementError, match="has no time zone; moments are stored in UTC"):
        insert(engine, schema.models, model(1, 1, created_at=dt.datetime(2026, 1, 1, 12)))


def test_text_order_of_moments_on_sqlite_is_their_order(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    moments = [START + dt.timedelta(microseconds=n) for n in (-123456, -1, 0, 876544, 10**9, 10**15)]
    insert(engine, schema.models, *(model(n, 1, created_at=moment) for n, moment in enumerate(moments, start=1)))

    with reading(engine) as connection:
        ordered = connection.execute(sa.text("SELECT model_id FROM models ORDER BY created_at")).scalars().all()
    engine.dispose()
    assert ordered == [1, 2, 3, 4, 5, 6]


def test_the_jobs_table_leaves_room_for_beats_and_is_vacuumed_early(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    with reading(engine) as connection:
        options = connection.execute(sa.text("SELECT reloptions FROM pg_class WHERE relname = 'jobs'")).scalar()
    engine.dispose()

    assert options == ["fillfactor=85", "autovacuum_vacuum_scale_factor=0.02"]


@pytest.mark.parametrize("table", ["point_metrics", "trajectory_metrics", "sweep_models", "dataset_points"])
def test_bulk_tables_of_sqlite_are_kept_in_key_order_without_a_second_tree(sqlite_url: str, table: str) -> None:
    engine = open_engine(sqlite_url)
    options = sa.inspect(engine).get_table_options(table)
    engine.dispose()

    assert options == {"sqlite_with_rowid": False, "sqlite_strict": True}
