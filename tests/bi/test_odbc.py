"""ODBC, the way of Excel, Power BI and Tableau: PostgreSQL's own driver under pyodbc."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sensdb.database.views import VIEWS
from tests.bi.expected import GROWTH_BYTES, N_BIG, PAGE, REFUSED, ROWS, WRITES, answers, right_rows
from tests.reader import Reader

DRIVER = "PostgreSQL Unicode"
PROGRAM = Path(__file__).with_name("odbc_client.py")


class Client:
    """The program, started anew for each question."""

    def __init__(self, reader: Reader) -> None:
        if importlib.util.find_spec("pyodbc") is None:
            pytest.skip("pyodbc is not installed (pip install pyodbc)")
        try:
            import pyodbc
        except ImportError as error:
            pytest.skip(f"pyodbc does not load: {error} (Debian: apt-get install unixodbc)")
        if DRIVER not in pyodbc.drivers():
            pytest.skip(f"no ODBC driver '{DRIVER}' (Debian: apt-get install odbc-postgresql)")
        self._given = {
            "Driver": f"{{{DRIVER}}}",
            "Server": reader.host,
            "Port": str(reader.port),
            "Database": reader.database,
            "Uid": reader.role,
            "BoolsAsChar": "0",  # else true is the text '1'
            "UseDeclareFetch": "1",  # else the driver takes the whole result at once
            "Fetch": "10000",
            "ConnSettings": "set timezone to 'UTC'",  # times come without their zone
        }

    def ask(self, what: str, questions: list[str], **settings: str) -> Any:
        """What it printed. settings: of the connection, instead of the usual ones."""
        where = ";".join(f"{name}={value}" for name, value in (self._given | settings).items())
        return answers([sys.executable, str(PROGRAM), where, json.dumps(questions)], what)


@pytest.fixture
def client(reader: Reader) -> Client:
    """Skips where there is no pyodbc or no driver."""
    return Client(reader)


def test_odbc_lists_every_view_and_its_columns(client: Client) -> None:
    assert client.ask("views", []) == {name: [column.name for column in view.columns] for name, view in VIEWS.items()}


def test_odbc_reads_every_column_of_every_view(client: Client, reader: Reader) -> None:
    assert dict(zip(ROWS, client.ask("rows", list(ROWS.values())), strict=True)) == right_rows(reader)


def test_odbc_pages_a_million_rows_in_bounded_memory(client: Client) -> None:
    seen, total, grown = client.ask("page", [PAGE])

    assert (seen, total) == (N_BIG, N_BIG * (N_BIG - 1) // 2)
    assert grown < GROWTH_BYTES


def test_odbc_without_declared_fetches_takes_all_rows_at_once(client: Client) -> None:
    _, _, grown = client.ask("page", [PAGE], UseDeclareFetch="0")

    assert grown > 4 * GROWTH_BYTES


def test_odbc_without_its_setting_gives_truth_as_text(client: Client) -> None:
    assert client.ask("rows", ["select true, false"], BoolsAsChar="1") == [[["1", "0"]]]


def test_odbc_is_refused_every_write(client: Client) -> None:
    states = client.ask("write", list(WRITES))

    assert len(states) == len(WRITES)
    assert set(states) <= REFUSED
