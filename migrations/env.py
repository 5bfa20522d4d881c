"""Alembic's environment: runs on the connection `sensdb init` opened, or on a URL for `alembic check` and `revision`.

    alembic -x url=sqlite:///sensdb.db check

Upgrading is `sensdb init`'s work alone, which takes the lock, drops views before and makes them anew after. Prefer
ADD COLUMN; where SQLite needs a table rebuilt, foreign keys are off meanwhile and checked at the end, and the batch
must be told table_kwargs={"sqlite_autoincrement": True} for a table that numbers its rows.
"""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from alembic import context

from sensdb.database.engine import open_engine
from sensdb.database.schema import VERSION_TABLE, metadata


def run(connection: sa.Connection) -> None:
    """Run what alembic was asked for inside the connection's transaction."""
    sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        render_as_batch=sqlite,
        transactional_ddl=True,
        compare_type=True,
        # alembic 1.20 calls a function for an Identity read from PostgreSQL and fails on it.
        compare_server_default=same_default if sqlite else True,
    )
    with context.begin_transaction():
        context.run_migrations()


def same_default(_: object, __: object, column: sa.Column[Any], *___: object) -> bool | None:
    """No difference for numbered keys, as SQLite has no identity columns; alembic decides on all others."""
    return False if isinstance(column.server_default, sa.Identity) else None


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    named = context.get_x_argument(as_dictionary=True).get("url") or os.environ["SENSDB_DATABASE_URL"]
    with open_engine(named, read_only=True).connect() as connection:
        run(connection)
