"""JDBC, the way of DBeaver, Metabase, Tableau and DataGrip: PostgreSQL's own driver under a small class."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from sensdb.database.views import VIEWS
from tests.bi.expected import N_BIG, PAGE, REFUSED, ROWS, WRITES, answers, right_comments, right_rows
from tests.reader import Reader

CLASS = Path(__file__).with_name("Reader.java")
JAR = Path(os.environ.get("SENSDB_BI_JDBC", "/usr/share/java/postgresql.jar"))
HEAP = "48m"
"""A million rows at once need several times as much."""


class Client:
    """The class, started anew for each question."""

    def __init__(self, reader: Reader) -> None:
        if shutil.which("java") is None:
            pytest.skip("java is not installed (Debian: apt-get install default-jdk-headless)")
        if not JAR.exists():
            pytest.skip(
                f"no {JAR}: apt-get install libpostgresql-jdbc-java, or SENSDB_BI_JDBC=path of the driver's jar"
            )
        self._url = f"jdbc:postgresql://{reader.host}:{reader.port}/{reader.database}"
        self._role = reader.role

    def ask(self, what: str, questions: list[str], *options: str) -> Any:
        """What it printed."""
        # A console of ASCII, for the class escapes all else.
        program = ["java", *options, "-cp", str(JAR), str(CLASS), self._url, self._role, "\x01".join(questions)]
        return answers(program, what)


@pytest.fixture
def client(reader: Reader) -> Client:
    """Skips where there is no Java or no driver."""
    return Client(reader)


def test_jdbc_lists_every_view_and_column_with_its_comment(client: Client) -> None:
    shown = client.ask("views", [])

    assert shown == right_comments()
    assert all(list(shown[name])[1:] == [column.name for column in view.columns] for name, view in VIEWS.items())


def test_jdbc_reads_every_column_of_every_view(client: Client, reader: Reader) -> None:
    assert dict(zip(ROWS, client.ask("rows", list(ROWS.values())), strict=True)) == right_rows(reader)


def test_jdbc_pages_a_million_rows_in_a_small_heap(client: Client) -> None:
    assert client.ask("page", [PAGE], f"-Xmx{HEAP}") == [N_BIG, N_BIG * (N_BIG - 1) // 2]


def test_jdbc_without_a_fetch_size_runs_out_of_that_heap(client: Client) -> None:
    assert client.ask("whole", [PAGE], f"-Xmx{HEAP}") == "out of memory"


def test_jdbc_is_refused_every_write(client: Client) -> None:
    states = client.ask("write", list(WRITES))

    assert len(states) == len(WRITES)
    assert set(states) <= REFUSED
