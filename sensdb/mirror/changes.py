"""Whether anything was committed since the last sync, without reading rows: a mark of the database's state.

Two equal marks mean equal contents. Unequal ones mean nothing, and the sync looks for itself: a checkpoint moves
SQLite's mark, and a transaction in another database of the server PostgreSQL's.

The mark of the last sync lies beside the folder of identities, by URL, with the hash of the manifest it made: it counts
only for that manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import sqlalchemy as sa

from sensdb.database.engine import reading
from sensdb.database.url import sqlite_path
from sensdb.mirror.manifest import MANIFEST, url_file, write_file

SETTLED_SECONDS = 2.0
"""A file changed a moment ago may be changed again within the same tick of its clock: it has no mark yet."""


def mark_of(engine: sa.Engine) -> str | None:
    """The mark of a database as it is now; None where it has none that can be relied on."""
    return _mark_of_files(sqlite_path(engine.url)) if engine.dialect.name == "sqlite" else _mark_of_server(engine)


def _mark_of_files(path: Path) -> str | None:
    """Place, size and times of the file, and of its log with the head of the log's index.

    Every commit writes to the file or to the log. The time of the last change to the file's inode (ctime) cannot be set
    back, so a file restored or put in another's place is seen too; the log's changes whenever it is opened. Between
    writing to the log and being visible a commit waits for the disk; it becomes visible by a change to the first 96
    bytes of the index, the same header twice (sqlite.org, WAL-mode File Format, 2.1).
    """
    log, index = (path.with_name(f"{path.name}-{suffix}") for suffix in ("wal", "shm"))
    try:
        file = os.stat(path)
        log_file = os.stat(log) if log.exists() else None
    except FileNotFoundError:
        return None  # a log that went away just now: its commits are being moved into the file
    found: list[object] = [file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns]
    newest = file.st_ctime_ns
    if log_file is not None and log_file.st_size:  # an empty one comes and goes with readers
        found += [log_file.st_ino, log_file.st_size, log_file.st_mtime_ns, _head_of(index)]
        newest = max(newest, log_file.st_mtime_ns)
    return json.dumps(found) if time.time() - newest / 1e9 >= SETTLED_SECONDS else None


def _head_of(index: Path) -> str | None:
    try:
        with index.open("rb") as file:
            return file.read(96).hex()
    except FileNotFoundError:
        return None


def _mark_of_server(engine: sa.Engine) -> str | None:
    """Which transactions a snapshot sees: every commit since has a number that an older snapshot does not see.

    The server's start is part of it, for after a restore numbers may come again.
    """
    select = (
        "SELECT (SELECT identity FROM database_identity), pg_current_snapshot()::text, pg_postmaster_start_time()::text"
    )
    try:
        with reading(engine) as connection:
            return json.dumps(list(connection.exec_driver_sql(select).one()))
    except sa.exc.DBAPIError:
        return None  # no schema, say: the sync finds the words


def remember_mark(cache: Path, folder: Path, url: sa.URL, mark: str | None) -> None:
    """Note the mark that a database had before the sync that made its present manifest began."""
    place, name = _mark_file(cache, url)
    if mark is None:
        (place / name).unlink(missing_ok=True)
    else:
        write_file(place, name, json.dumps({"manifest": _manifest_hash(folder), "mark": mark}).encode())


def is_unchanged(cache: Path, folder: Path, url: sa.URL, mark: str | None) -> bool:
    """Whether the manifest in the folder is of the database as the mark says it is now."""
    if mark is None:
        return False
    place, name = _mark_file(cache, url)
    try:
        noted = json.loads((place / name).read_text(encoding="utf-8"))
        return bool(noted == {"manifest": _manifest_hash(folder), "mark": mark})
    except (OSError, ValueError):
        return False


def _mark_file(cache: Path, url: sa.URL) -> tuple[Path, str]:
    path = url_file(cache, url)
    return path.parent, f"{path.name}.mark"


def _manifest_hash(folder: Path) -> str:
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
