"""Readers: roles of a PostgreSQL server that may select from the views and from data_dictionary, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from sensdb.database.engine import connection_error, open_engine, require_schema, writing
from sensdb.database.grants import excess_rights, grant_views, revoke_views, role_sql
from sensdb.database.url import mask
from sensdb.errors import DatabaseError, UsageError, did_you_mean

STATEMENT_SECONDS = 300

# They write large objects, which belong to no table, so no right on tables keeps a reader from filling the disk.
LARGE_OBJECT_FUNCTIONS = (
    "lo_creat(integer)",
    "lo_create(oid)",
    "lo_from_bytea(oid, bytea)",
    "lo_put(oid, bigint, bytea)",
    "lo_open(oid, integer)",
    "lo_unlink(oid)",
    "lo_truncate(integer, integer)",
    "lo_truncate64(integer, bigint)",
    "lowrite(integer, bytea)",
)


@dataclass(frozen=True)
class Granted:
    """What was done: whether the role is new, and what could not be taken from it by the user that ran this."""

    created: bool
    left: tuple[str, ...]


def grant_reader(url: str, role: str, *, statement_seconds: int = STATEMENT_SECONDS) -> Granted:
    """Make the role a reader, and one that was more than that no more than that; created with LOGIN where missing.

    Rights that PostgreSQL gives to everyone cannot be taken from one role. So temporary tables, CREATE in the schema
    and (by a superuser) writing large objects are taken from PUBLIC in this database; who needs them is granted them
    by name.

    Args:
        statement_seconds: limit on each of its statements. Advice: whoever logs in may set another.

    Raises:
        UsageError: the database is an SQLite file, which knows no roles; or no role can have this name.
        DatabaseError: the role is a superuser, owns tables of sensdb, or keeps rights by membership in other roles.
    """
    with _server(url, role) as engine:
        with writing(engine) as connection:
            quoted = role_sql(connection, role)
            found = _look_up(connection, role)
            if found is None:
                connection.exec_driver_sql(f"CREATE ROLE {quoted} LOGIN")
            else:
                _refuse_mighty(engine, connection, role, superuser=bool(found.rolsuper))
            database = role_sql(connection, str(connection.exec_driver_sql("SELECT current_database()").scalar_one()))
            namespace = role_sql(connection, str(connection.exec_driver_sql("SELECT current_schema()").scalar_one()))
            for statement in (
                f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC, {quoted}",
                f"REVOKE CREATE ON DATABASE {database} FROM {quoted}",
                f"REVOKE CREATE ON SCHEMA {namespace} FROM PUBLIC, {quoted}",
                f"GRANT CONNECT ON DATABASE {database} TO {quoted}",
                f"ALTER ROLE {quoted} IN DATABASE {database} SET statement_timeout = '{int(statement_seconds)}s'",
                f"ALTER ROLE {quoted} IN DATABASE {database} SET default_transaction_read_only = on",
            ):
                connection.exec_driver_sql(statement)
            _take_large_objects(connection, quoted)
            grant_views(connection, role)
            left = excess_rights(connection, role)
            large = [text for text in left if text == "store large objects"]
            if len(left) > len(large):
                raise DatabaseError(
                    f"role '{role}' could still {left[0]}" + (f" and {len(left) - 1} more" if left[1:] else "") + ".",
                    "it has such rights by other roles or from PUBLIC; take it out of them, or name a role of its own.",
                )
        return Granted(found is None, tuple(large))


def revoke_reader(url: str, role: str) -> None:
    """Take from a role all that `grant_reader` gave it. The role stays, for it may own things elsewhere.

    Raises:
        UsageError: the database is an SQLite file. DatabaseError: there is no such role; with the nearest.
    """
    with _server(url, role) as engine:
        with writing(engine) as connection:
            if _look_up(connection, role) is None:
                roles = connection.exec_driver_sql("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'").scalars()
                raise DatabaseError(f"{mask(engine.url)} has no role '{role}'.", did_you_mean(role, list(roles)))
            quoted = role_sql(connection, role)
            revoke_views(connection, role)
            database = role_sql(connection, str(connection.exec_driver_sql("SELECT current_database()").scalar_one()))
            for statement in (
                f"REVOKE ALL ON DATABASE {database} FROM {quoted}",
                f"ALTER ROLE {quoted} IN DATABASE {database} RESET ALL",
            ):
                connection.exec_driver_sql(statement)


@contextmanager
def _server(url: str, role: str) -> Iterator[sa.Engine]:
    engine = open_engine(url, application_name="sensdb roles", pool_size=1)
    try:
        if engine.dialect.name == "sqlite":
            raise UsageError(
                f"{mask(engine.url)} is an SQLite file, which knows no roles.",
                f"readers open it with mode=ro: sqlite3 'file:{engine.url.database}?mode=ro'; file permissions decide.",
            )
        if not role or role.lower() in ("public", "none") or role.lower().startswith("pg_") or "\0" in role:
            raise UsageError(f"'{role}' cannot be the name of a role.", "names other than public, none and pg_... can.")
        require_schema(engine)
        yield engine
    except sa.exc.DBAPIError as error:
        raise connection_error(engine.url, error, doing="change roles in") from error
    finally:
        engine.dispose()


def _look_up(connection: sa.Connection, role: str) -> sa.Row[tuple[bool]] | None:
    return connection.execute(sa.text("SELECT rolsuper FROM pg_roles WHERE rolname = :role"), {"role": role}).first()


def _refuse_mighty(engine: sa.Engine, connection: sa.Connection, role: str, *, superuser: bool) -> None:
    owns = connection.execute(
        sa.text(
            "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
            " WHERE c.relnamespace = current_schema()::regnamespace AND r.rolname = :role"
        ),
        {"role": role},
    ).scalar_one()
    if superuser or owns:
        why = "is a superuser" if superuser else "owns tables"
        raise DatabaseError(
            f"role '{role}' {why} in {mask(engine.url)}, so it cannot be made a reader.", "name another role."
        )


def _take_large_objects(connection: sa.Connection, quoted: str) -> None:
    """Take the writing of large objects from PUBLIC; only a superuser can, others leave it."""
    may = connection.exec_driver_sql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").scalar_one()
    if may:
        functions = ", ".join(f"pg_catalog.{function}" for function in LARGE_OBJECT_FUNCTIONS)
        connection.exec_driver_sql(f"REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC, {quoted}")
