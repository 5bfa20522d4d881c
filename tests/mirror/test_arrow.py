"""Tables read from a database: exactly our types, whichever way they are read."""

from __future__ import annotations

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sensdb.database import schema
from sensdb.database.engine import open_engine
from sensdb.errors import DatabaseError
from sensdb.mirror.arrow import (
    AdbcSource,
    DriverSource,
    ReadTable,
    array_of,
    arrow_type,
    open_source,
    schema_of,
    typed,
    with_typed_first_row,
)
from tests.mirror.stored import add_models

TABLES = schema.metadata.sorted_tables


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_every_column_of_ours_has_an_arrow_type(table: sa.Table) -> None:
    assert len(schema_of(list(table.columns))) == len(table.columns)


def test_a_type_nobody_thought_of_is_refused() -> None:
    with pytest.raises(TypeError, match="no Arrow type is set for"):
        arrow_type(sa.JSON())


def read_whole(read: ReadTable, table: sa.Table) -> pa.Table:
    names, key = table.columns.keys(), table.primary_key.columns.keys()
    return read(f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {', '.join(key)}", list(table.columns))


def test_both_ways_of_reading_postgresql_give_the_same_tables(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    add_models(engine, [{"seed": 1, "points": [{"margin": None}, {"margin": -1.5}]}, {"result": False}], sweep="s")
    read_by = {}
    for source in (AdbcSource(engine), DriverSource(engine)):
        with source.snapshot() as read:
            read_by[type(source)] = {table.name: read_whole(read, table) for table in TABLES}
    engine.dispose()

    for table in TABLES:
        assert read_by[AdbcSource][table.name].to_pylist() == read_by[DriverSource][table.name].to_pylist()
        assert read_by[AdbcSource][table.name].schema == read_by[DriverSource][table.name].schema
    assert read_by[AdbcSource]["point_metrics"].num_rows == 2


def test_a_snapshot_sees_one_moment(engine: sa.Engine) -> None:
    column = [schema.models.c.model_id]
    with open_source(engine).snapshot() as read:
        before = read("SELECT model_id FROM models", column).num_rows
        add_models(engine, [{}])
        after = read("SELECT model_id FROM models", column).num_rows

    assert (before, after) == (0, 0)


def test_statements_see_a_moment_each(engine: sa.Engine) -> None:
    column = [schema.models.c.model_id]
    with open_source(engine).statements() as read:
        before = read("SELECT model_id FROM models", column).num_rows
        add_models(engine, [{}])
        after = read("SELECT model_id FROM models", column).num_rows

    assert (before, after) == (0, 1)


def test_sqlite_is_read_by_its_own_driver_unless_the_process_is_made_for_it(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)

    assert isinstance(open_source(engine), DriverSource)
    assert isinstance(open_source(engine, own_process=True), AdbcSource)


def test_a_missing_adbc_driver_leaves_the_databases_own(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "adbc_driver_manager", None)

    source = open_source(engine, own_process=True)

    assert isinstance(source, DriverSource)
    with source.statements() as read:
        assert read("SELECT model_id FROM models", [schema.models.c.model_id]).num_rows == 0


@pytest.mark.parametrize("way", [AdbcSource, DriverSource])
def test_a_failed_read_is_one_line_without_the_password(
    way: type[AdbcSource] | type[DriverSource], postgresql_url: str
) -> None:
    url = sa.make_url(postgresql_url).set(password="canary")
    engine = open_engine(url)

    with pytest.raises(DatabaseError) as caught, way(engine).statements() as read:
        read("SELECT nothing FROM models", [schema.models.c.model_id])
    engine.dispose()

    assert caught.value.message.startswith("reading postgresql+psycopg://postgres:***@")
    assert "canary" not in caught.value.message
    assert "\n" not in caught.value.message


def test_the_first_row_shows_every_type() -> None:
    columns = [
        schema.workers.c.worker_id,
        schema.workers.c.pid,
        schema.workers.c.started_at,
        schema.model_metrics.c.fitted,
    ]

    assert with_typed_first_row("SELECT 1", [*columns, schema.point_metrics.c.loss]) == (
        "SELECT '' AS worker_id, 0 AS pid, '' AS started_at, 0 AS fitted, 0.5e0 AS loss"
        " UNION ALL SELECT * FROM (SELECT 1)"
    )


LOSS, LABEL = schema.point_metrics.c.loss, schema.point_metrics.c.label


@pytest.mark.parametrize(
    ("column", "given", "message"),
    [
        (LOSS, pa.array(["3.000000e-01"]), "column loss came as string, not as float."),
        (LOSS, pa.array([1]), "column loss came as int64, not as float."),
        (LABEL, pa.array([0.5]), "column label came as double, not as int32."),
    ],
)
def test_a_driver_that_guessed_another_type_is_refused(
    column: sa.Column[object], given: pa.Array, message: str
) -> None:
    with pytest.raises(DatabaseError) as caught:
        typed(pa.table([given], names=[column.name]), [column])

    assert caught.value.message == message


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        typed(pa.table([pa.array([2**40])], names=["label"]), [LABEL])


def test_other_columns_than_asked_for_are_refused() -> None:
    with pytest.raises(DatabaseError) as caught:
        typed(pa.table([pa.array([1])], names=["x"]), [LABEL])

    assert caught.value.message == "the database gave columns x, not label."


@given(st.data())
def test_values_become_the_array_that_arrow_makes_of_them(data: st.DataObject) -> None:
    kind, values = data.draw(
        st.sampled_from(
            [
                (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
                (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
                (pa.float64(), st.floats(allow_nan=False)),
                (pa.float32(), st.floats(width=32, allow_nan=False)),
                (pa.string(), st.text(st.characters(codec="utf-8"))),
                (pa.bool_(), st.booleans()),
            ]
        )
    )
    column = data.draw(st.lists(st.none() | values, max_size=20))

    made = array_of(column, kind)

    made.validate(full=True)
    assert made.equals(pa.array(column, type=kind))


def test_text_among_numbers_is_refused() -> None:
    with pytest.raises(DatabaseError) as caught:
        array_of([1, "2"], pa.int64())

    assert caught.value.message == "a column of int64 holds <U21."
