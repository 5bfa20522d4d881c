"""Views are what BI tools can read (stack.md 8): plain types, booleans with a number beside them, comments, UTC."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine, reading, writing
from sensdb.database.views import VIEWS
from tests.conformance.factories import execute, many_models, query
from tests.database.planted import plant
from tests.mirror.stored import add_models

PLAIN_TYPES = {
    "bigint": "integer",
    "integer": "integer",
    "double precision": "real",
    "real": "real",
    "boolean": "boolean",
    "text": "text",
    "timestamp with time zone": "timestamp",
}


@pytest.fixture
def server(postgresql_url: str) -> Iterator[sa.Engine]:
    """A PostgreSQL database with a row of every kind."""
    engine = open_engine(postgresql_url)
    with writing(engine) as connection:
        plant(connection)
    yield engine
    engine.dispose()


def test_every_column_of_every_view_is_of_a_plain_type_and_commented(server: sa.Engine) -> None:
    rows = query(
        server,
        "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum),"
        " obj_description(c.oid) from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
        " where c.relkind = 'v' and c.relnamespace = 'public'::regnamespace order by c.relname, a.attnum",
    )

    declared = [(view.name, column.name, column.data_type) for view in VIEWS.values() for column in view.columns]
    assert sorted((view, name, PLAIN_TYPES.get(kind, kind)) for view, name, kind, _, _ in rows) == sorted(declared)
    assert [(view, name) for view, name, _, comment, of_view in rows if not comment or not of_view] == []


def test_names_are_snake_case_and_no_view_has_one_twice() -> None:
    names = [(view.name, column.name) for view in VIEWS.values() for column in view.columns]

    assert len(set(names)) == len(names)
    assert [name for pair in names for name in pair if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []


def test_every_boolean_has_a_number_beside_it(server: sa.Engine) -> None:
    for view in VIEWS.values():
        flags = [column.name for column in view.columns if column.data_type == "boolean"]
        with reading(server) as connection:
            rows = connection.execute(sa.text(f"select * from {view.name}")).mappings().all()
        for row in rows:
            for name in flags:
                assert row[f"{name}_int"] == (None if row[name] is None else int(row[name]))


def test_values_are_numbers_that_every_tool_holds(server: sa.Engine) -> None:
    for name in VIEWS:
        with reading(server) as connection:
            rows = connection.execute(sa.text(f"select * from {name}")).all()
        assert rows or name == "v_attempts", name
        for value in (value for row in rows for value in row):
            assert not isinstance(value, float) or math.isfinite(value)
            assert not isinstance(value, int) or abs(value) < 2**53
            assert not isinstance(value, dt.datetime) or value.utcoffset() == dt.timedelta(0)


def test_a_sweep_of_v_models_is_found_by_its_keys_and_not_by_reading_all_models(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    add_models(engine, [{"seed": seed} for seed in range(3)], sweep="few")
    execute(engine, "update models set spec_sha256 = repeat('f', 64 - length(seed::text)) || seed::text")
    many_models(engine, 20_000)
    columns = [column["name"] for column in sa.inspect(engine).get_columns("model_metrics")]
    others = ", ".join(name for name in columns if name not in ("model_id", "result_id"))
    execute(
        engine,
        f"insert into model_metrics (model_id, result_id, {others}) select m.model_id, 'r' || m.model_id, {others} from"
        f" models m cross join (select {others} from model_metrics limit 1) r"
        " where m.model_id not in (select model_id from model_metrics)",
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("analyze")
        plan = connection.exec_driver_sql(
            "explain (analyze, format json) select * from v_models"
            " where model_id in (select model_id from v_sweep_models where sweep = 'few')"
        ).scalar_one()[0]["Plan"]
    engine.dispose()

    assert plan["Actual Rows"] == 3
    assert most_rows(plan) < 100


def most_rows(plan: dict) -> float:
    """The most rows that any step of a plan gave or threw away."""
    own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return max([own, *(most_rows(part) for part in plan.get("Plans", []))])
