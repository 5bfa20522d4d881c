"""Views: equal on three databases, described in every column, fit for tools that only read simple types."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.columns import LARGEST_KEY, Flag, UtcTimestamp
from sensdb.database.engine import open_engine, reading, writing
from sensdb.database.views import VIEWS, view_sql
from sensdb.definitions.metrics import MODEL_METRICS, POINT_METRICS
from tests.database.planted import START, plant

PYTHON_TYPES = {"text": str, "integer": int, "real": float, "boolean": bool, "timestamp": dt.datetime}


@pytest.fixture
def planted(engine: sa.Engine) -> sa.Engine:
    """A database with a row of every kind."""
    with writing(engine) as connection:
        plant(connection)
    return engine


def rows_of(engine: sa.Engine, view: str) -> list[tuple[Any, ...]]:
    """The rows of a view in a fixed order, with each value in the type the dictionary promises."""
    with reading(engine) as connection:
        found = connection.execute(sa.text(f"SELECT * FROM {view}"))
        assert list(found.keys()) == [column.name for column in VIEWS[view].columns]
        return in_order(as_promised(view, row) for row in found.all())


def as_promised(view: str, row: Any) -> tuple[Any, ...]:
    """Numbers and texts as they come; only what SQLite has no type for is read from what it has instead."""
    values = []
    for column, value in zip(VIEWS[view].columns, row, strict=True):
        if column.data_type == "boolean" and value in (0, 1):
            value = bool(value)
        if column.data_type == "timestamp" and isinstance(value, str):
            value = dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
        values.append(value)
    return tuple(values)


def in_order(rows: Iterator[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: tuple(str(value) for value in row))


@pytest.fixture
def in_duckdb(sqlite_url: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The planted tables and the views in DuckDB."""
    engine = open_engine(sqlite_url)
    with writing(engine) as connection:
        plant(connection)
    target = duckdb.connect()
    target.execute("SET TimeZone = 'UTC'")
    with reading(engine) as connection:
        for table in schema.metadata.sorted_tables:
            columns = ", ".join(f"{column.name} {duckdb_type(column)}" for column in table.columns)
            target.execute(f"CREATE TABLE {table.name} ({columns})")
            rows = [list(row) for row in connection.execute(sa.select(table))]
            if rows:
                target.executemany(f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})", rows)
    for name in VIEWS:
        target.execute(f"CREATE VIEW {name} AS {view_sql(name, 'duckdb')}")
    engine.dispose()
    yield target
    target.close()


def duckdb_type(column: sa.Column[Any]) -> str:
    if isinstance(column.type, UtcTimestamp):
        return "TIMESTAMPTZ"
    if isinstance(column.type, Flag):
        return "BOOLEAN"
    if isinstance(column.type, sa.REAL):
        return "FLOAT"
    if isinstance(column.type, sa.Float):
        return "DOUBLE"
    return "BIGINT" if isinstance(column.type, sa.Integer) else "VARCHAR"


@pytest.mark.parametrize("view", VIEWS)
def test_views_are_equal_on_sqlite_postgresql_and_duckdb(
    view: str, sqlite_url: str, postgresql_url: str, in_duckdb: duckdb.DuckDBPyConnection
) -> None:
    answers = []
    for url in (sqlite_url, postgresql_url):
        engine = open_engine(url)
        if url == postgresql_url:
            with writing(engine) as connection:
                plant(connection)
        answers.append(rows_of(engine, view))
        engine.dispose()
    # By Arrow: DuckDB's own rows would need pytz for moments.
    table = in_duckdb.sql(f"SELECT * FROM {view}").to_arrow_table()
    answers.append(in_order(as_promised(view, row.values()) for row in table.to_pylist()))

    assert answers[0]
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]


def test_every_value_has_the_type_the_dictionary_promises(planted: sa.Engine) -> None:
    for view in VIEWS.values():
        for row in rows_of(planted, view.name):
            for column, value in zip(view.columns, row, strict=True):
                assert value is None or type(value) is PYTHON_TYPES[column.data_type], f"{view.name}.{column.name}"


def test_no_view_holds_nan_infinity_or_a_key_that_a_bi_tool_rounds(planted: sa.Engine) -> None:
    for view in VIEWS:
        for row in rows_of(planted, view):
            assert all(math.isfinite(value) for value in row if isinstance(value, float))
            assert all(abs(value) <= LARGEST_KEY for value in row if isinstance(value, int))


def test_postgresql_views_have_only_types_that_bi_tools_read(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    with reading(engine) as connection:
        kinds = connection.execute(
            sa.text("SELECT DISTINCT data_type FROM information_schema.columns WHERE table_name LIKE 'v\\_%'")
        ).scalars()
        found = set(kinds)
    engine.dispose()

    assert found <= {"bigint", "integer", "double precision", "real", "boolean", "text", "timestamp with time zone"}


@pytest.mark.parametrize("view", VIEWS)
def test_every_boolean_has_a_twin_that_can_be_summed(view: str) -> None:
    names = [column.name for column in VIEWS[view].columns]

    for column in VIEWS[view].columns:
        assert column.data_type != "boolean" or f"{column.name}_int" in names


@pytest.mark.parametrize("view", VIEWS)
def test_every_column_has_one_name_and_a_description(view: str) -> None:
    columns = VIEWS[view].columns

    assert len({column.name for column in columns}) == len(columns)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", column.name) for column in columns)
    assert all(column.description.endswith(".") for column in columns)
    assert VIEWS[view].description.endswith(".")


def test_v_models_holds_the_models_with_a_result_whatever_their_job_does(planted: sa.Engine) -> None:
    with writing(planted) as connection:
        connection.execute(sa.text("DELETE FROM jobs"))

    assert [row[0] for row in rows_of(planted, "v_models")] == [1, 2, 4, 5]


def test_v_models_has_every_field_and_metric_and_the_spec_last() -> None:
    names = [column.name for column in VIEWS["v_models"].columns]

    assert {column.name for column in schema.models.columns} <= set(names)
    assert [metric.name for metric in MODEL_METRICS] == names[names.index("stop_reason") :][: len(MODEL_METRICS)]
    assert names[-1] == "spec"


def test_v_points_begins_with_the_metrics_of_the_point() -> None:
    names = [column.name for column in VIEWS["v_points"].columns]

    assert names[: 2 + len(POINT_METRICS)] == ["model_id", "point_index", *(metric.name for metric in POINT_METRICS)]
    assert {"correct_int", "loss_function", "transitions_method", "generalization_gap"} <= set(names)


def test_v_configurations_summarises_replicas(planted: sa.Engine) -> None:
    with reading(planted) as connection:
        row = connection.execute(
            sa.text(
                "SELECT n_models, n_fitted, test_accuracy_mean, test_accuracy_min, test_accuracy_max "
                f"FROM v_configurations WHERE configuration_sha256 = '{1:064d}'"
            )
        ).one()
        values = (
            connection.execute(sa.text("SELECT test_accuracy FROM model_metrics WHERE model_id IN (1, 2) ORDER BY 1"))
            .scalars()
            .all()
        )

    assert tuple(row) == (2, 2, sum(values) / 2, values[0], values[1])


def test_v_sweep_progress_counts_each_state_and_shows_an_empty_sweep(planted: sa.Engine) -> None:
    names = [column.name for column in VIEWS["v_sweep_progress"].columns]

    rows = {row[0]: dict(zip(names, row, strict=True)) for row in rows_of(planted, "v_sweep_progress")}

    wanted = ("queued", "running", "done", "dead", "cancelled", "n_models", "share_done")
    assert [rows["depth"][name] for name in wanted] == [0, 1, 3, 0, 0, 4, 0.75]
    assert [rows["noise"][name] for name in wanted] == [1, 0, 1, 1, 0, 3, 1 / 3]
    assert [rows["empty"][name] for name in wanted] == [0, 0, 0, 0, 0, 0, None]


def test_v_sweep_models_says_which_models_have_a_result(planted: sa.Engine) -> None:
    with reading(planted) as connection:
        found = connection.execute(
            sa.text("SELECT sweep, model_id, has_result_int FROM v_sweep_models ORDER BY sweep_id, model_id")
        ).all()

    assert [tuple(row) for row in found] == [
        ("depth", 1, 1),
        ("depth", 2, 1),
        ("depth", 3, 0),
        ("depth", 4, 1),
        ("noise", 1, 1),
        ("noise", 5, 1),
        ("noise", 6, 0),
    ]


def test_v_jobs_shows_how_the_last_attempt_ended(planted: sa.Engine) -> None:
    with reading(planted) as connection:
        row = connection.execute(
            sa.text("SELECT state, outcome, error_type, error_message FROM v_jobs WHERE model_id = 6")
        ).one()

    assert tuple(row) == ("dead", "failed", "ValueError", "it's 100 % \N{PILE OF POO}\nof it")


def test_v_attempts_keeps_the_attempts_of_workers_whose_row_is_gone(planted: sa.Engine) -> None:
    with reading(planted) as connection:
        row = connection.execute(sa.text("SELECT worker_id, host FROM v_attempts WHERE model_id = 6")).one()

    assert tuple(row) == ("gone", None)


def test_v_workers_counts_the_jobs_a_worker_holds(planted: sa.Engine) -> None:
    with reading(planted) as connection:
        assert connection.execute(sa.text("SELECT n_running FROM v_workers")).scalars().all() == [1]


def test_moments_come_back_to_the_microsecond(planted: sa.Engine) -> None:
    with reading(planted) as connection:
        moments = connection.execute(sa.select(schema.workers.c.started_at, schema.workers.c.beat_at)).one()

    assert tuple(moments) == (START, START + dt.timedelta(microseconds=1))
