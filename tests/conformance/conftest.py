"""A queue on each kind of database."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from sensdb.jobs.queue import Queue


@pytest.fixture
def queue(engine: sa.Engine) -> Queue:
    """An empty queue; the test runs on SQLite and on PostgreSQL."""
    return Queue(engine, random.Random(0))
