"""What every client is asked, and the right answers, by psycopg.

A client is a program of its own that prints one JSON object: run as `program views`, `rows`, `page` or `write`.
`answers` names the four.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from sensdb.database.views import VIEWS
from tests.reader import Reader

BIG_MODEL = 4
N_BIG = 1_000_000
GROWTH_BYTES = 24 * 2**20
"""What asking for all of them may cost a client that pages; all at once are some 200 MB."""

ROWS = {name: f"select * from {name} order by 1, 2, 3 limit 50" for name in VIEWS}
PAGE = "select model_id, point_index, correct, loss, jacobian_norm, dataset from v_points where model_id = 4"
WRITES = (
    "insert into sweeps (name) values ('x')",
    "update v_workers set host = 'x'",
    "delete from v_sweep_progress",
    "create table x (i integer)",
    "drop view v_models",
    "select * from jobs",
)
REFUSED = {"42501", "55000"}  # no right; 55000: a view of several tables cannot be written at all

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def plain(value: Any) -> Any:
    """A value in JSON's types; a time is whole microseconds since 1970 in UTC."""
    if isinstance(value, dt.datetime):
        return (value - EPOCH) // dt.timedelta(microseconds=1)
    return value


def connect(reader: Reader) -> psycopg.Connection[tuple[Any, ...]]:
    """As the reader."""
    return psycopg.connect(host=reader.host, port=reader.port, dbname=reader.database, user=reader.role)


def right_rows(reader: Reader) -> dict[str, list[list[Any]]]:
    """The first rows of every view, all columns."""
    with connect(reader) as connection:
        return {
            name: [[plain(value) for value in row] for row in connection.execute(text.encode())]
            for name, text in ROWS.items()
        }


def right_comments() -> dict[str, dict[str, str]]:
    """Every view's columns with what the data dictionary says of them; "" is the view itself."""
    return {
        view.name: {"": view.description} | {column.name: column.description for column in view.columns}
        for view in VIEWS.values()
    }


def answers(program: Sequence[str], what: str, environment: Mapping[str, str] | None = None) -> Any:
    """Run a client; what it printed."""
    done = subprocess.run(
        [*program, what],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])
