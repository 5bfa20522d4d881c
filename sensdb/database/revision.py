"""Which schema this version of sensdb knows: apart from the tables, whose definition takes a fifth of a second."""

from __future__ import annotations

VERSION_TABLE = "sensdb_alembic_version"
"""Alembic's revision, in a table of our own name: a database may hold another tool's."""

REVISION = "0001"
"""The migration that makes this schema; four digits, counting up."""
