"""`sensdb init`: new, again, many at once, over an older schema, against a newer one, beside another program."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from sensdb.database import migrate, schema
from sensdb.database.dictionary import entries
from sensdb.database.engine import open_engine, reading, require_schema, writing
from sensdb.database.migrate import Initialised, initialise
from sensdb.database.views import VIEWS
from sensdb.errors import DatabaseError

pytestmark = pytest.mark.long

CREATED = Initialised("created", None, schema.REVISION, len(schema.metadata.tables), len(VIEWS))
CURRENT = Initialised("current", schema.REVISION, schema.REVISION, len(schema.metadata.tables), len(VIEWS))


def rows(url: str, text: str) -> list[tuple[object, ...]]:
    engine = open_engine(url)
    with reading(engine) as connection:
        found = [tuple(row) for row in connection.execute(sa.text(text))]
    engine.dispose()
    return found


def change(url: str, *statements: str) -> None:
    engine = open_engine(url)
    with writing(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_a_new_database_gets_the_schema_and_its_first_rows(empty_database_url: str) -> None:
    assert initialise(empty_database_url) == CREATED

    engine = open_engine(empty_database_url)
    require_schema(engine)
    engine.dispose()
    assert rows(empty_database_url, "SELECT * FROM queue_settings") == [(1, 120.0, 20.0, 30.0, 1.0, 3, 5)]
    assert len(rows(empty_database_url, "SELECT identity FROM database_identity")) == 1
    assert rows(empty_database_url, "SELECT count(*) FROM data_dictionary") == [(len(entries()),)]


def test_init_again_changes_nothing(empty_database_url: str) -> None:
    initialise(empty_database_url)
    change(empty_database_url, "UPDATE queue_settings SET lease_seconds = 60", "INSERT INTO sweeps (name) VALUES ('a')")
    before = rows(
        empty_database_url, "SELECT identity, lease_seconds, name FROM database_identity, queue_settings, sweeps"
    )

    assert initialise(empty_database_url) == CURRENT

    after = rows(
        empty_database_url, "SELECT identity, lease_seconds, name FROM database_identity, queue_settings, sweeps"
    )
    assert after == before


def test_init_mends_a_lost_view_and_a_stale_dictionary(database_url: str) -> None:
    change(database_url, "DROP VIEW v_models", "DELETE FROM data_dictionary WHERE table_name = 'jobs'")

    initialise(database_url)

    assert rows(database_url, "SELECT count(*) FROM v_models") == [(0,)]
    assert rows(database_url, "SELECT count(*) FROM data_dictionary") == [(len(entries()),)]


def test_a_view_with_other_columns_is_replaced(database_url: str) -> None:
    change(database_url, "DROP VIEW v_workers", "CREATE VIEW v_workers AS SELECT 1 AS other")

    initialise(database_url)

    assert rows(database_url, "SELECT worker_id FROM v_workers") == []


def test_two_databases_have_two_identities(new_postgresql: Callable[..., str], tmp_path: Path) -> None:
    urls = [new_postgresql(), f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"]
    for url in urls:
        initialise(url)

    assert len({rows(url, "SELECT identity FROM database_identity")[0] for url in urls}) == 3


def test_many_processes_may_init_one_database_at_once(empty_database_url: str) -> None:
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        done = list(pool.map(initialise, [empty_database_url] * 8))

    assert sorted(result.action for result in done) == ["created"] + ["current"] * 7
    assert len(rows(empty_database_url, "SELECT identity FROM database_identity")) == 1


def test_a_failure_in_the_middle_leaves_nothing(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: sa.Connection) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(migrate, "describe", fail)
    with pytest.raises(KeyboardInterrupt):
        initialise(empty_database_url)
    monkeypatch.undo()

    engine = open_engine(empty_database_url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()
    assert initialise(empty_database_url) == CREATED


def test_a_newer_schema_is_left_alone(database_url: str) -> None:
    change(database_url, f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")

    with pytest.raises(DatabaseError, match="is newer than this sensdb: revision 9999"):
        initialise(database_url)


def test_a_revision_that_never_was_is_named(database_url: str) -> None:
    change(database_url, f"UPDATE {schema.VERSION_TABLE} SET version_num = '0000'")

    with pytest.raises(DatabaseError, match=r"its schema revision is not one sensdb made: .*'0000'") as raised:
        initialise(database_url)

    assert raised.value.hint == f"restore the table {schema.VERSION_TABLE} from a copy."


def test_another_programs_tables_are_not_taken_over(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url, create=True)
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE models (id INTEGER)")
        connection.exec_driver_sql("CREATE TABLE jobs (id INTEGER)")
        connection.exec_driver_sql("CREATE TABLE customers (id INTEGER)")
    engine.dispose()

    with pytest.raises(DatabaseError) as raised:
        initialise(empty_database_url)

    assert raised.value.message.endswith(" holds tables of another program with names sensdb needs: jobs, models.")
    assert raised.value.hint == "give sensdb a database of its own."


def test_other_tables_and_views_beside_ours_are_kept(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url, create=True)
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE customers (id INTEGER)")
        connection.exec_driver_sql("CREATE VIEW v_customers AS SELECT id FROM customers")
    engine.dispose()

    initialise(empty_database_url)

    assert rows(empty_database_url, "SELECT count(*) FROM v_customers") == [(0,)]


def test_grants_on_views_outlive_init(postgresql_url: str) -> None:
    role = f"reader_{os.getpid()}"
    change(postgresql_url, f"CREATE ROLE {role}", f"GRANT SELECT ON v_models TO {role}")

    initialise(postgresql_url)

    granted = rows(postgresql_url, f"SELECT has_table_privilege('{role}', 'v_models', 'SELECT')")
    change(postgresql_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert granted == [(True,)]


def test_init_leaves_no_lock_file(tmp_path: Path) -> None:
    initialise(f"sqlite:///{tmp_path}/a.db")

    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


def test_init_in_a_missing_folder_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"there is no folder .*/no\.$") as raised:
        initialise(f"sqlite:///{tmp_path}/no/a.db")

    assert raised.value.hint == f"mkdir -p {tmp_path}/no"


def test_init_of_a_file_that_is_no_database_leaves_it_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database\n" * 100)

    with pytest.raises(DatabaseError, match="file is not a database"):
        initialise(f"sqlite:///{path}")

    assert path.read_text() == "no database\n" * 100


def test_init_without_a_server_is_a_connection_error() -> None:
    with pytest.raises(DatabaseError, match="cannot connect to") as raised:
        initialise("postgresql://bob:geheim@127.0.0.1:1/lab")

    assert "geheim" not in raised.value.message


def test_init_in_a_folder_that_takes_no_files_says_so() -> None:
    with pytest.raises(DatabaseError, match=r"^cannot write in /proc: ") as raised:
        initialise("sqlite:////proc/sensdb.db")

    assert raised.value.hint == "name a database in a folder you may write in."


def test_the_lock_file_of_a_killed_init_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "a.db.init-lock").touch()

    assert initialise(f"sqlite:///{tmp_path}/a.db") == CREATED


def test_a_user_who_may_create_nothing_is_told_the_grant(new_postgresql: Callable[..., str]) -> None:
    url = new_postgresql()
    role = f"nothing_{os.getpid()}"
    change(url, f"CREATE ROLE {role}", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")

    with pytest.raises(DatabaseError, match=r"^cannot create the schema in .* permission denied for schema ") as raised:
        initialise(f"{url}?options=-c%20role%3D{role}")

    change(url, f"DROP ROLE {role}")
    assert raised.value.hint == "as its owner: GRANT CREATE, USAGE ON SCHEMA public TO <user>"


def test_an_old_server_is_refused(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "OLDEST_POSTGRESQL", (99, 0))

    with pytest.raises(DatabaseError, match=r"^PostgreSQL .* is too old; sensdb needs 99 or newer\.$") as raised:
        initialise(postgresql_url)

    assert raised.value.hint == "upgrade the server."


def test_an_upgrade_that_loses_referenced_rows_is_undone(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Foreign keys are off while tables are rebuilt, so init checks them itself before it commits."""
    change(sqlite_url, f"UPDATE {schema.VERSION_TABLE} SET version_num = '0000'")

    def lose_a_model(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO sweep_models (sweep_id, model_id) VALUES (7, 7)")

    monkeypatch.setattr(migrate, "_upgrade", lose_a_model)
    with pytest.raises(DatabaseError, match="the upgrade would leave rows without the rows they refer to") as raised:
        initialise(sqlite_url)

    assert raised.value.hint == "nothing was changed; restore a copy or report this."
    assert rows(sqlite_url, "SELECT count(*) FROM sweep_models") == [(0,)]


def test_rebuilding_a_table_on_sqlite_keeps_children_views_strictness_and_numbering(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The traps of alembic's batch mode: a view that names the table, children that go with it, lost options."""
    change(
        sqlite_url,
        "INSERT INTO sweeps (name) VALUES ('a')",
        "INSERT INTO sweep_definitions (sweep_id, definition_sha256, definition, n_models) "
        f"VALUES (1, '{'0' * 64}', 'text', 1)",
        f"UPDATE {schema.VERSION_TABLE} SET version_num = '0000'",
    )

    def rebuild(connection: sa.Connection) -> None:
        operations = Operations(MigrationContext.configure(connection))
        # Without naming it, numbers of deleted rows would be given out again.
        keep = {"sqlite_autoincrement": True}
        with operations.batch_alter_table("sweeps", recreate="always", table_kwargs=keep) as batch:
            batch.add_column(sa.Column("owner", sa.Text()))

    monkeypatch.setattr(migrate, "_upgrade", rebuild)
    result = initialise(sqlite_url)

    assert (result.action, result.before) == ("upgraded", "0000")
    assert rows(sqlite_url, "SELECT name, owner, definition FROM sweeps JOIN sweep_definitions USING (sweep_id)") == [
        ("a", None, "text")
    ]
    assert rows(sqlite_url, "SELECT sweep FROM v_sweep_progress") == [("a",)]
    table = str(rows(sqlite_url, "SELECT sql FROM sqlite_master WHERE name = 'sweeps'")[0][0])
    assert "AUTOINCREMENT" in table
    assert table.rstrip().endswith("STRICT")
