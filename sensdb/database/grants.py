"""What a reader may do on PostgreSQL: select from the views and from data_dictionary, and nothing else.

Dropping a view drops what was granted on it, and an upgrade drops them all. So `sensdb init` keeps in mind who held
what, and grants it again in the same transaction (`held_grants`, `restore_grants`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.views import VIEWS

DICTIONARY = "data_dictionary"


@dataclass(frozen=True)
class Grant:
    """A right to select from one view or from data_dictionary.

    role: None for PUBLIC. grantable: whether the role may grant it on.
    """

    name: str
    role: str | None
    grantable: bool


def held_grants(connection: sa.Connection) -> list[Grant]:
    """Who may select from views of sensdb, this version's and earlier ones', and from data_dictionary."""
    if connection.dialect.name != "postgresql":
        return []
    rows = connection.execute(
        sa.text(
            "SELECT c.relname, r.rolname, a.is_grantable FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a"
            " LEFT JOIN pg_roles r ON r.oid = a.grantee"
            " WHERE c.relnamespace = current_schema()::regnamespace AND (c.relkind = 'v' OR c.relname = :dictionary)"
            " AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner ORDER BY 1, 2"
        ),
        {"dictionary": DICTIONARY},
    )
    return [Grant(*row) for row in rows]


def restore_grants(connection: sa.Connection, held: Collection[Grant]) -> None:
    """Grant again what was held before views were made anew.

    A role that may select from data_dictionary is a reader: it gets the views that are new as well. Of others each
    gets the views it had, as far as there still are views of that name.
    """
    if not held:
        return
    readers = {grant.role for grant in held if grant.name == DICTIONARY}
    wanted = {grant for grant in held if grant.name in VIEWS}
    for role in readers:
        named = {grant.name for grant in wanted if grant.role == role}
        wanted |= {Grant(name, role, False) for name in VIEWS if name not in named}
    for grant in sorted(wanted, key=lambda grant: (grant.name, grant.role or "")):
        more = " WITH GRANT OPTION" if grant.grantable else ""
        connection.exec_driver_sql(f"GRANT SELECT ON {grant.name} TO {role_sql(connection, grant.role)}{more}")


def grant_views(connection: sa.Connection, role: str) -> None:
    """Take every right on sensdb's tables and views from a role, then let it select from views and dictionary."""
    quoted = role_sql(connection, role)
    readable = ", ".join([*VIEWS, DICTIONARY])
    for statement in (
        *_revoking(quoted),
        f"GRANT USAGE ON SCHEMA {_schema(connection)} TO {quoted}",
        f"GRANT SELECT ON {readable} TO {quoted}",
    ):
        connection.exec_driver_sql(statement)


def revoke_views(connection: sa.Connection, role: str) -> None:
    """Take every right on sensdb's tables and views from a role."""
    for statement in _revoking(role_sql(connection, role)):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"REVOKE ALL ON SCHEMA {_schema(connection)} FROM {role_sql(connection, role)} CASCADE")


def excess_rights(connection: sa.Connection, role: str) -> list[str]:
    """What the role can do beyond reading, by whatever way it came to it: as text, nothing where all is well."""
    tables = [*schema.metadata.tables, schema.VERSION_TABLE]
    found = _held(
        connection, role, "INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER", [*tables, *VIEWS], "write to"
    )
    found += _held(connection, role, "SELECT", (name for name in tables if name != DICTIONARY), "read table")
    row = connection.execute(
        sa.text(
            "SELECT has_schema_privilege(:role, current_schema(), 'CREATE') AS creates,"
            " has_database_privilege(:role, current_database(), 'TEMPORARY') AS temporary,"
            " has_database_privilege(:role, current_database(), 'CREATE') AS schemas,"
            " has_function_privilege(:role, 'pg_catalog.lo_create(oid)', 'EXECUTE') AS large"
        ),
        {"role": role},
    ).one()
    named = {
        "creates": "create tables",
        "temporary": "create temporary tables",
        "schemas": "create schemas",
        "large": "store large objects",
    }
    return found + [text for name, text in named.items() if getattr(row, name)]


def role_sql(connection: sa.Connection, role: str | None) -> str:
    """A role as an identifier, always in quotes: names are taken as they are written."""
    return "PUBLIC" if role is None else connection.dialect.identifier_preparer.quote_identifier(role)


def _held(connection: sa.Connection, role: str, rights: str, names: Iterable[str], verb: str) -> list[str]:
    rows = connection.execute(
        sa.text(
            "SELECT name FROM unnest(CAST(:names AS text[])) AS given(name)"
            " WHERE has_table_privilege(:role, quote_ident(current_schema()) || '.' || name, :rights) ORDER BY name"
        ),
        {"names": list(names), "role": role, "rights": rights},
    )
    return [f"{verb} {name}" for name in rows.scalars()]


def _revoking(quoted: str) -> list[str]:
    tables = ", ".join([*schema.metadata.tables, schema.VERSION_TABLE, *VIEWS])
    return [f"REVOKE ALL ON {tables} FROM {quoted} CASCADE"]


def _schema(connection: sa.Connection) -> str:
    name = str(connection.exec_driver_sql("SELECT current_schema()").scalar_one())
    return connection.dialect.identifier_preparer.quote_identifier(name)
