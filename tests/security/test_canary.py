"""A password that the user gave by the environment is in nothing that a full run says, stores or is called."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine, reading
from tests.cli.running import Here
from tests.cli.study import kill_jobs, write_sweep

pytestmark = pytest.mark.long

CANARY = "canary-5c1f09"
SENSDB = Path(sys.executable).parent / "sensdb"


@pytest.fixture
def url(postgresql_url: str) -> str:
    """A database with secrets in both places of its URL; the server of the tests does not ask for any."""
    return postgresql_url.replace("postgres@", f"postgres:{CANARY}@") + f"?sslpassword={CANARY}"


def command_lines() -> str:
    """What every process of this machine is called with, as far as we may see."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(found)


def texts_of(url: str) -> str:
    """Every row of every table and view, and what the server shows of its connections."""
    engine = open_engine(url, read_only=True)
    with reading(engine) as connection:
        inspector = sa.inspect(connection)
        tables = [*inspector.get_table_names(), *inspector.get_view_names(), "pg_stat_activity"]
        found = [str(connection.execute(sa.text(f"select * from {table}")).all()) for table in tables]
    engine.dispose()
    return "\n".join(found)


def test_a_password_is_nowhere_after_a_full_run(
    url: str, folder: Path, sensdb: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSDB_DATABASE_URL", url)
    write_sweep(folder)
    ran = [sensdb("--verbose", "enqueue", "tiny.yaml")]
    kill_jobs(url)
    with subprocess.Popen(
        [SENSDB, "--verbose", "worker", "--drain", "--device", "cpu", "--processes", "1", "--keep-weights"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as worker:  # fmt: skip
        names = ""
        while worker.poll() is None:
            names += command_lines()
            time.sleep(0.5)
        assert worker.stderr is not None
        said = worker.stderr.read()
    shown = (["status"], ["jobs", "--state", "dead"], ["doctor"], ["query", "correlation", "--meta"])
    ran += [sensdb("--verbose", *command) for command in shown]
    # Once more while nobody answers: drivers repeat what they were given.
    monkeypatch.setenv("SENSDB_DATABASE_URL", url.replace(f":{sa.make_url(url).port}/", ":1/"))
    silent = [sensdb("--verbose", *command) for command in (["status"], ["doctor"], ["worker", "--drain"], ["init"])]

    assert (worker.returncode, [one.code for one in ran], [one.code for one in silent]) == (0, [0] * 5, [1] * 4)
    assert str(SENSDB) in names
    files = [path.read_bytes().decode(errors="replace") for path in folder.rglob("*") if path.is_file()]
    for text in (said, names, texts_of(url), *files, *(one.out + one.err for one in (*ran, *silent))):
        assert CANARY not in text
