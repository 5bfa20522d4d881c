"""A sync among other processes: killed, beside readers and other syncs, beside open connections of its own process."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine
from sensdb.errors import DatabaseError
from sensdb.mirror import bulk, manifest
from sensdb.mirror.manifest import MANIFEST, exclusive, last_manifest, read_manifest
from sensdb.mirror.sync import sync
from tests.mirror.looking import points, rows_of_points
from tests.mirror.stored import add_models

KILLED = """
import os, signal, sys
from pathlib import Path
from sensdb.mirror import segments
from sensdb.mirror.sync import sync
segments.SEGMENT_ROWS = 5
def kill(done, total):
    if done:
        os.kill(os.getpid(), signal.SIGKILL)
sync(sys.argv[1], Path(sys.argv[2]), progress=kill)
"""


def test_a_sync_killed_in_the_middle_leaves_the_old_mirror_whole(
    engine: sa.Engine, database_url: str, cache: Path
) -> None:
    old = add_models(engine, [{"points": points(5)}])
    before = sync(database_url, cache)
    new = add_models(engine, [{"seed": seed, "points": points(5)} for seed in (1, 2)])

    ended = subprocess.run([sys.executable, "-c", KILLED, database_url, str(cache)], check=False)

    assert ended.returncode == -9
    assert last_manifest(database_url, cache)[1] == before
    assert rows_of_points(database_url, cache) == {old[0]: 5}
    sync(database_url, cache)
    assert rows_of_points(database_url, cache) == dict.fromkeys([*old, *new], 5)


READER = """
import sys
from pathlib import Path
from sensdb.analysis.ask import ask_sql
for _ in range(4):
    counts = "SELECT count(*) AS n, count(DISTINCT model_id) AS m FROM v_points"
    row = ask_sql(sys.argv[1], Path(sys.argv[2]), counts).rows[0]
    assert row["n"] == 20 * row["m"] > 0, row
"""
SYNCER = """
import sys
from pathlib import Path
from sensdb.mirror.sync import sync
for _ in range(4):
    sync(sys.argv[1], Path(sys.argv[2]), rebuild=True)
"""


def test_two_readers_and_a_sync_work_at_once(engine: sa.Engine, database_url: str, cache: Path) -> None:
    add_models(engine, [{"seed": seed, "points": points(20)} for seed in range(3)])

    started = [
        subprocess.Popen([sys.executable, "-c", script, database_url, str(cache)])
        for script in (READER, READER, SYNCER)
    ]
    for seed in range(3, 6):
        add_models(engine, [{"seed": seed, "points": points(20)}])

    assert [process.wait() for process in started] == [0, 0, 0]


def test_a_sync_that_waits_too_long_for_another_names_it(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        with pytest.raises(DatabaseError) as caught, exclusive(tmp_path, wait_seconds=0.0):
            pass

    assert caught.value.message == f"another sync of this mirror has been running for 0 s (process {os.getpid()})."
    assert caught.value.hint == "--no-sync answers from the mirror as it is."


def test_a_folder_that_cannot_be_made_is_named_with_the_variable_that_moves_it(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    folder = tmp_path / "taken" / "mirror"

    with pytest.raises(DatabaseError) as caught, exclusive(folder):
        pass

    assert caught.value.message == f"the mirror's folder {folder} cannot be written: Not a directory."
    assert caught.value.hint == "SENSDB_CACHE names another folder for mirrors."


def test_a_mirror_that_was_never_made_is_an_error_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        last_manifest("postgresql://bob:secret@host/lab", tmp_path)

    assert caught.value.message == f"there is no mirror of postgresql+psycopg://bob:***@host/lab in {tmp_path}."
    assert caught.value.hint == "sensdb sync makes it."


def test_a_database_without_a_schema_is_not_mirrored(empty_database_url: str, cache: Path) -> None:
    with pytest.raises(DatabaseError, match=r"no sensdb schema|no such database file"):
        sync(empty_database_url, cache)


def test_a_sync_loses_no_commit_of_an_open_connection(
    sqlite_url: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "FEWEST_ROWS", 0)
    engine = open_engine(sqlite_url)
    add_models(engine, [{"points": points(5)}])
    sync(sqlite_url, cache)

    add_models(engine, [{"seed": 1, "points": points(5)}])
    count = (
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM models').fetchone()[0])"
    )
    path = str(engine.url.database)
    seen_elsewhere = subprocess.run([sys.executable, "-c", count, path], capture_output=True, text=True, check=True)
    engine.dispose()

    assert seen_elsewhere.stdout.strip() == "2"


TWO_COPIES = """
import sqlite3, subprocess, sys
import adbc_driver_manager, adbc_driver_sqlite
path = sys.argv[1]
connection = sqlite3.connect(path, isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("CREATE TABLE t (a INTEGER)")
with adbc_driver_sqlite.connect(path) as database, adbc_driver_manager.AdbcConnection(database) as other:
    with adbc_driver_manager.AdbcStatement(other) as statement:
        statement.set_sql_query("SELECT a FROM t")
        statement.execute_update()
connection.execute("INSERT INTO t VALUES (1)")
count = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM t').fetchone()[0])"
print(subprocess.run([sys.executable, "-c", count, path], capture_output=True, text=True, check=True).stdout.strip())
"""


def test_two_copies_of_sqlite_in_one_process_still_lose_commits(tmp_path: Path) -> None:
    """Why SQLite's points are copied in a process apart (arrow.open_source). Fails when that is no longer needed."""
    ended = subprocess.run(
        [sys.executable, "-c", TWO_COPIES, str(tmp_path / "t.db")], capture_output=True, text=True, check=True
    )

    assert ended.stdout.strip() == "0"


def test_a_manifest_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("{")

    assert read_manifest(tmp_path) is None


def test_a_manifest_reads_back_as_it_was_written(tmp_path: Path) -> None:
    segment = manifest.Segment("points-1.parquet", 5, 100, ((1, "a"), (2, "b")), "ranks-1.parquet", "q-1.parquet", 1)
    made = manifest.Manifest(
        "id", "sqlite:///x.db", "2026-01-31T00:00:00Z", {"models": "m.parquet"}, (("d", "c"),), (segment,)
    )

    manifest.write_manifest(tmp_path, made)

    assert read_manifest(tmp_path) == made
    assert dataclasses.replace(made, format=0).is_current is False
