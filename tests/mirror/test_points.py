"""Pages of points: the rows of the results asked for and no others, the same however the database gives them."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.columns import Flag
from sensdb.database.engine import open_engine, writing
from sensdb.errors import DatabaseError
from sensdb.mirror import points
from sensdb.mirror.arrow import DriverSource
from sensdb.mirror.manifest import Result
from sensdb.mirror.points import COLUMNS, point_pages
from tests.mirror.stored import POINT, add_models

REALS = [0.0, -0.0, 0.1, -1.5, 1.2e-38, -3.4e38, 3.4028234663852886e38, 1.0]


def any_value(draw: random.Random, column: sa.Column[Any]) -> object:
    """A value that the column can hold, NULL among them where it may be."""
    if column.nullable and draw.random() < 0.3:
        return None
    if isinstance(column.type, Flag):
        return draw.random() < 0.5
    return draw.choice(REALS) if isinstance(column.type, sa.REAL) else draw.choice([0, 1, 9, 2**31 - 1])


def points_of(draw: random.Random, n: int) -> list[dict[str, Any]]:
    """Points with values of all kinds; of some models a column is NULL throughout."""
    without = {column.name for column in COLUMNS[2:] if column.nullable and draw.random() < 0.3}
    return [
        {column.name: None if column.name in without else any_value(draw, column) for column in COLUMNS[2:]}
        for _ in range(n)
    ]


def results_of(engine: sa.Engine) -> list[Result]:
    with engine.connect() as connection:
        columns = [schema.model_metrics.c.model_id, schema.model_metrics.c.result_id]
        return [(row[0], str(row[1])) for row in connection.execute(sa.select(*columns).order_by(columns[0]))]


def by_rows(engine: sa.Engine) -> pa.Table:
    """All rows as the driver gives them, one by one."""
    names = ", ".join(column.name for column in COLUMNS)
    with DriverSource(engine).statements() as read:
        return read(f"SELECT {names} FROM point_metrics ORDER BY model_id, point_index", COLUMNS)


@pytest.fixture
def filled(database_url: str) -> sa.Engine:
    engine = open_engine(database_url)
    draw = random.Random(11)
    add_models(engine, [{"seed": n, "points": points_of(draw, n)} for n in (1, 40, 3, 200)])
    add_models(engine, [{"seed": 5}, {"seed": 6, "points": [dict.fromkeys(POINT) | {"label": 1, "predicted": 2}]}])
    return engine


def test_a_page_has_every_value_as_the_driver_gives_it(filled: sa.Engine) -> None:
    with point_pages(filled) as read:
        page = read(results_of(filled))
    expected = by_rows(filled)
    filled.dispose()

    assert page.schema == expected.schema
    assert page.num_rows == 245
    assert repr(page.to_pylist()) == repr(expected.to_pylist())  # 0.0 == -0.0, but their texts differ


def test_a_page_is_of_the_results_asked_for(filled: sa.Engine) -> None:
    wanted = results_of(filled)[1:3]
    with point_pages(filled) as read:
        page = read(wanted)
    filled.dispose()

    assert sorted(set(page["model_id"].to_pylist())) == [model_id for model_id, _ in wanted]
    assert page.num_rows == 43


def test_a_result_that_was_replaced_or_deleted_has_no_rows(filled: sa.Engine) -> None:
    (first, second, *others) = results_of(filled)
    with writing(filled) as connection:
        named = schema.model_metrics.c.model_id
        connection.execute(schema.model_metrics.update().where(named == first[0]).values(result_id=str(uuid.uuid4())))
        for table in (schema.point_metrics, schema.model_metrics):
            connection.execute(table.delete().where(table.c.model_id == second[0]))
    with point_pages(filled) as read:
        page = read([first, second, others[0]])
        nothing = read([first, second])
    filled.dispose()

    assert set(page["model_id"].to_pylist()) == {others[0][0]}
    assert (nothing.num_rows, nothing.schema) == (0, page.schema)


def test_a_server_that_cannot_be_read_is_one_line_without_its_password(postgresql_url: str) -> None:
    url = sa.make_url(postgresql_url).set(password="s3cret", database="nowhere")
    engine = open_engine(url.render_as_string(hide_password=False))

    with pytest.raises(DatabaseError) as raised, point_pages(engine) as read:
        read([(1, str(uuid.uuid4()))])

    engine.dispose()
    assert "s3cret" not in str(raised.value)
    assert "\n" not in raised.value.message


def test_a_column_that_is_missing_here_and_there_is_asked_for_again_and_else_none_is(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(postgresql_url)
    add_models(engine, [{"seed": 1, "points": [{"margin": None}, {"margin": None}]}, {"seed": 2, "points": [{}, {}]}])
    add_models(engine, [{"seed": 3, "points": [{"margin": None}, {"margin": 2.0}]}])
    asked: list[bool] = []
    ask = points._ask
    monkeypatch.setattr(points, "_ask", lambda *given, fill: asked.append(fill) or ask(*given, fill=fill))
    margins = []

    with point_pages(engine) as read:
        for part in (slice(0, 2), slice(2, 3)):
            margins += read(results_of(engine)[part])["margin"].to_pylist()
    engine.dispose()

    assert margins == [None, None, 1.0, 1.0, None, 2.0]
    assert asked == [False, False, True]
