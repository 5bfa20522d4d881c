"""What the migrations build is what the code declares, on both databases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from sensdb.database import schema
from sensdb.database.bundled import bundled
from sensdb.database.engine import open_engine
from sensdb.database.views import VIEWS, create_views, view_sql


@pytest.fixture
def declared(engine: sa.Engine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """A database of the same kind as `engine`, built from the declarations instead of by migrations."""
    if engine.dialect.name == "sqlite":
        other = open_engine(f"sqlite:///{tmp_path / 'declared.db'}", create=True)
    else:
        make: Callable[..., str] = request.getfixturevalue("new_postgresql")
        other = open_engine(make())
    with other.connect().execution_options(writes=True) as connection, connection.begin():
        schema.metadata.create_all(connection)
        create_views(connection)
    yield other
    other.dispose()


def config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration as `sensdb init` makes it."""
    made = Config()
    made.set_main_option("script_location", str(bundled("migrations")))
    made.attributes["connection"] = connection
    return made


def reflected(engine: sa.Engine) -> dict[str, object]:
    """What SQLAlchemy reads back of every table of the schema: columns, keys, unique constraints, options."""
    inspector = sa.inspect(engine)
    found: dict[str, object] = {}
    for table in schema.metadata.tables:
        found[f"{table}: columns"] = [
            (column["name"], str(column["type"]), column["nullable"], column["default"], column.get("identity"))
            for column in inspector.get_columns(table)
        ]
        found[f"{table}: primary key"] = inspector.get_pk_constraint(table)
        found[f"{table}: foreign keys"] = sorted(map(str, inspector.get_foreign_keys(table)))
        found[f"{table}: unique"] = sorted(map(str, inspector.get_unique_constraints(table)))
        found[f"{table}: options"] = inspector.get_table_options(table)
    return found


def stored_texts(engine: sa.Engine) -> list[tuple[str, ...]]:
    """What reflection leaves out, as the database keeps it: CHECKs, indexes with their conditions, views, storage."""
    if engine.dialect.name == "sqlite":
        rows = query(engine, "SELECT type, name, sql FROM sqlite_master WHERE type <> 'table' AND sql IS NOT NULL")
        for name, text in query(engine, "SELECT name, sql FROM sqlite_master WHERE type = 'table'"):
            # A CHECK may stand at its column or at the table's end; each is on a line of its own.
            rows += [("check", name, check) for check in re.findall(r"CONSTRAINT ck_\w+ CHECK \(.*\)", text)]
            rows.append(("strict", name, str(text.rstrip().endswith("STRICT"))))
            rows.append(("numbering", name, str("AUTOINCREMENT" in text)))
    else:
        rows = query(engine, "SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = 'public'")
        rows += query(engine, "SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
        rows += query(
            engine,
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace",
        )
        rows += query(
            engine,
            "SELECT 'storage', relname, coalesce(reloptions::text, '') FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
        )
    return sorted(row for row in rows if not any(schema.VERSION_TABLE in part for part in row))


def query(engine: sa.Engine, text: str) -> list[tuple[str, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(text))]


def test_migrated_tables_are_the_declared_ones(engine: sa.Engine, declared: sa.Engine) -> None:
    assert reflected(engine) == reflected(declared)


def test_migrated_checks_indexes_and_views_are_the_declared_ones(engine: sa.Engine, declared: sa.Engine) -> None:
    assert stored_texts(engine) == stored_texts(declared)


def test_the_comparison_sees_a_dropped_view(engine: sa.Engine, declared: sa.Engine) -> None:
    with declared.connect().execution_options(writes=True) as connection, connection.begin():
        connection.exec_driver_sql("DROP VIEW v_workers")
    without_view = stored_texts(declared)

    assert {row[1] for row in set(stored_texts(engine)) - set(without_view)} == {"v_workers"}


def test_alembic_finds_no_difference(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        command.check(config(connection))


def test_the_newest_revision_is_the_one_the_code_names() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [schema.REVISION]


def test_revisions_are_numbered_so_that_text_order_is_their_order() -> None:
    names = sorted(path.name for path in bundled("migrations").glob("versions/*.py"))

    assert all(re.match(rf"{number:04d}_\w+\.py$", name) for number, name in enumerate(names, start=1))


def test_views_are_stored_as_the_code_has_them(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    stored = dict(query(engine, "SELECT name, sql FROM sqlite_master WHERE type = 'view'"))
    engine.dispose()

    assert stored == {name: f"CREATE VIEW {name} AS\n{view_sql(name, 'sqlite')}" for name in VIEWS}
