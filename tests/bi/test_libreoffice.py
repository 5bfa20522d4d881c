"""LibreOffice Base, which Calc takes its data from: its own PostgreSQL driver, without a window."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sensdb.database.views import VIEWS
from tests.bi.expected import ROWS, WRITES, answers, right_comments, right_rows
from tests.reader import Reader

PYTHON = os.environ.get("SENSDB_BI_UNO_PYTHON", "/usr/bin/python3")
PROGRAM = Path(__file__).with_name("libreoffice_client.py")


class Client:
    """The program, started anew for each question."""

    def __init__(self, reader: Reader) -> None:
        if shutil.which("soffice") is None:
            pytest.skip("LibreOffice is not installed (Debian: apt-get install libreoffice-base)")
        if shutil.which(PYTHON) is None or subprocess.run([PYTHON, "-c", "import uno"], check=False).returncode:
            pytest.skip(f"{PYTHON} has no uno (Debian: apt-get install python3-uno; else SENSDB_BI_UNO_PYTHON)")
        self._where = f"host={reader.host} port={reader.port} dbname={reader.database} user={reader.role}"

    def ask(self, what: str, questions: list[Any]) -> Any:
        """What it printed. It finds no Python of ours: the bridge belongs to the system's."""
        clean = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        return answers([PYTHON, str(PROGRAM), self._where, json.dumps(questions)], what, clean)


@pytest.fixture
def client(reader: Reader) -> Client:
    """Skips where there is no LibreOffice or no bridge."""
    return Client(reader)


def test_libreoffice_lists_every_view_with_the_comments_of_its_columns(client: Client) -> None:
    columns = {view: {name: text for name, text in said.items() if name} for view, said in right_comments().items()}

    assert client.ask("views", []) == columns


def test_libreoffice_reads_every_column_of_every_view(client: Client, reader: Reader) -> None:
    asked = [[text, [column.data_type for column in VIEWS[name].columns]] for name, text in ROWS.items()]

    assert dict(zip(ROWS, client.ask("rows", asked), strict=True)) == right_rows(reader)


def test_libreoffice_is_refused_every_write(client: Client) -> None:
    messages = client.ask("write", list(WRITES))

    assert len(messages) == len(WRITES)
    assert [
        text for text in messages if not re.search("permission denied|must be owner|cannot (delete|update)", text)
    ] == []
