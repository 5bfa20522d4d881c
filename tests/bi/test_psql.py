"""psql, and psycopg as the yardstick of the other clients."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import psycopg
import pytest

from sensdb.database.views import VIEWS
from tests.bi.expected import BIG_MODEL, GROWTH_BYTES, N_BIG, PAGE, WRITES, answers, connect, right_rows
from tests.reader import Reader

PAGING = """
import json, resource, sys
import psycopg

peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
with psycopg.connect(sys.argv[1]) as connection, connection.cursor(name="page") as cursor:
    cursor.itersize = 10_000
    before, seen, total = peak(), 0, 0
    for row in cursor.execute(sys.argv[2]):
        seen, total = seen + 1, total + row[1]
    print(json.dumps([seen, total, peak() - before]))
"""


@pytest.fixture
def psql(reader: Reader) -> list[str]:
    """The command that connects as the reader."""
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed (Debian: apt-get install postgresql-client)")
    where = ["-h", reader.host, "-p", str(reader.port), "-U", reader.role, "-d", reader.database]
    return ["psql", "-X", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-At", *where]


def test_psql_lists_every_view_with_its_comment(psql: list[str]) -> None:
    listed = subprocess.run([*psql, "-c", r"\dv+"], capture_output=True, text=True, check=True).stdout.splitlines()

    shown = {line.split("|")[1]: line.rpartition("|")[2] for line in listed}
    assert shown == {name: view.description for name, view in VIEWS.items()}


def test_psql_pages_a_million_rows_in_bounded_memory(psql: list[str]) -> None:
    def peak(limit: int) -> int:
        with subprocess.Popen(
            [*psql, "-v", "FETCH_COUNT=10000", "-c", f"{PAGE} limit {limit}"], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert sum(1 for _ in process.stdout) == limit
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return used.ru_maxrss * 1024

    assert peak(N_BIG) - peak(N_BIG // 10) < GROWTH_BYTES


@pytest.mark.parametrize("statement", WRITES)
def test_psql_is_refused_a_write(psql: list[str], statement: str) -> None:
    done = subprocess.run(
        [*psql, "-c", "set default_transaction_read_only = off", "-c", statement],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "42501" in done.stderr or "55000" in done.stderr


def test_psycopg_reads_every_column_of_every_view(reader: Reader) -> None:
    for name, rows in right_rows(reader).items():
        assert rows, name
        assert {len(row) for row in rows} == {len(VIEWS[name].columns)}


def test_psycopg_pages_a_million_rows_in_bounded_memory(reader: Reader) -> None:
    # A process of its own: what this one has held before would hide what it takes now.
    seen, total, grown = answers([sys.executable, "-c", PAGING, reader.url("postgresql"), PAGE], "page")

    assert (seen, total) == (N_BIG, N_BIG * (N_BIG - 1) // 2)
    assert grown < GROWTH_BYTES


def test_a_reader_sees_points_of_a_model_without_reading_all(reader: Reader) -> None:
    with connect(reader) as connection:
        (count,) = connection.execute(
            f"select count(*) from v_points where model_id <> {BIG_MODEL}".encode()
        ).fetchone() or (0,)
        assert count == 7
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from point_metrics")
