"""A database with a row of every kind, and a role that `sensdb grant-reader` made for BI tools."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from sensdb.cli import main
from sensdb.database.engine import open_engine, writing
from tests.database.planted import plant

# Roles belong to the whole server, which several processes of the tests may share.
ROLE = f"sensdb_bi_reader_{os.getpid()}"


@dataclass(frozen=True)
class Reader:
    """Where a BI tool connects: host and port, database, role; no password is asked."""

    host: str
    port: int
    database: str
    role: str

    def url(self, driver: str = "postgresql+psycopg") -> str:
        """As SQLAlchemy writes it."""
        return f"{driver}://{self.role}@{self.host}:{self.port}/{self.database}"

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """A connection that sets nothing on its own: what the reader meets is what the server holds for it."""
        engine = sa.create_engine(self.url())
        with engine.connect() as connection:
            yield connection
        engine.dispose()


@contextmanager
def planted_for_a_reader(admin: sa.Engine, template: str, name: str) -> Iterator[Reader]:
    """A database `name` with a row of every kind, two models fitted on true labels, and a reader of it; both go after.

    Args:
        template: the migrated database it is copied from.
    """
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    url = admin.url.set(database=name).render_as_string(hide_password=False)
    owner = open_engine(url)
    with writing(owner) as connection:
        plant(connection)
        connection.exec_driver_sql("update models set label_noise = 0 where model_id in (1, 2, 5)")
        connection.exec_driver_sql(
            "update model_metrics set fitted = true, train_accuracy = 1 where model_id in (1, 2)"
        )
        connection.exec_driver_sql("update attempts set ended_at = now() where ended_at is not null")
    assert main(["--database", url, "grant-reader", ROLE]) == 0
    where = sa.make_url(url)
    try:
        yield Reader(where.host or "127.0.0.1", where.port or 5432, where.database or "", ROLE)
    finally:
        with writing(owner) as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {ROLE}")
        owner.dispose()
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
            connection.exec_driver_sql(f"DROP ROLE {ROLE}")
