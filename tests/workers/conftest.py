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
    with planted_for_a_reader(postgresql_admin, postgresql_template, f"sensdb_bi_{os.getpid()}") as made:
        yield made
