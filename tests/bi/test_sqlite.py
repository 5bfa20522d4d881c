"""SQLite as a reader on a laptop opens it: the file, read-only, as docs/bi.md says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine, writing
from sensdb.database.views import VIEWS
from tests.bi.expected import WRITES
from tests.database.planted import plant


@pytest.fixture
def read_only(sqlite_url: str) -> Iterator[sa.Connection]:
    """A connection that can only read a file with a row of every kind."""
    owner = open_engine(sqlite_url)
    with writing(owner) as connection:
        plant(connection)
    owner.dispose()
    engine = sa.create_engine(f"sqlite:///file:{sqlite_url.removeprefix('sqlite:///')}?mode=ro&uri=true")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_reader_of_the_file_reads_every_column_of_every_view(read_only: sa.Connection) -> None:
    for name, view in VIEWS.items():
        found = read_only.exec_driver_sql(f"select * from {name}")
        assert list(found.keys()) == [column.name for column in view.columns]
        assert found.all(), name


@pytest.mark.parametrize("statement", [text for text in WRITES if not text.startswith("select")])
def test_a_reader_of_the_file_cannot_write(read_only: sa.Connection, statement: str) -> None:
    with pytest.raises(sa.exc.OperationalError, match=r"readonly database|because it is a view"):
        read_only.exec_driver_sql(statement)
