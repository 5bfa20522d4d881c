"""What the dashboards of workers/bi/ are tried on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.reader import Reader, planted_for_a_reader


@pytest.fixture(scope="module")
def reader(postgresql_admin: sa.Engine, postgresql_template: str) -> Iterator[Reader]:
    """A reader of a PostgreSQL database with a row of every kind; nobody writes to it, so one serves a whole file."""
    name = f"sensdb_bi_{os.getpid()}"
    with postgresql_admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {postgresql_template}")
    url = postgresql_admin.url.set(database=name).render_as_string(hide_password=False)
    with planted_for_a_reader(url, postgresql_admin) as made:
        yield made
    with postgresql_admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
