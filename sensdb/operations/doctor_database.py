"""What `sensdb doctor` looks at in a database that has a schema: can it be written, does anything in it hang?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from sensdb.database.engine import writing
from sensdb.database.schema import queue_settings
from sensdb.database.url import sqlite_path
from sensdb.jobs.reader import QueueReader
from sensdb.jobs.transactions import inspect
from sensdb.results.places import LOCAL_SCHEMES
from sensdb.results.spool import REFUSED, SUFFIX, spool_folder
from sensdb.worker.progress import duration_text

State = Literal["ok", "warn", "fail"]

CLOCK_SECONDS = 2.0
"""A difference of clocks worth a warning; leases do not depend on it, the times in logs do."""

LARGE_LOG_BYTES = 1 << 30
"""A write-ahead log that SQLite cannot take back: some reader has held one moment of the database for long."""

DEAD_TUPLES_AT_LEAST = 10_000
DEAD_SHARE = 0.5

TEMPORARY = (".part", ".probe")


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, how it stands, the value found, and what to do or where it comes from."""

    check: str
    state: State
    value: str
    note: str | None = None


def examine_database(engine: sa.Engine, cache: Path, artifacts_url: str) -> Iterator[Check]:
    """Every check of a database whose schema is the right one.

    Args:
        engine: to read and to write.
        cache: `Settings.cache_path`, in which results wait that the database did not take.
        artifacts_url: `Settings.artifacts_url`; looked into where it is a folder of this host.
    """
    yield from _written(engine)
    yield from _log(engine)
    reader = QueueReader(engine)
    yield from _workers(reader)
    yield from _stuck(reader)
    yield from _spool(spool_folder(cache, reader.identity))
    yield from _artifacts(reader, artifacts_url)
    yield from _points(reader)


def _written(engine: sa.Engine) -> Iterator[Check]:
    """A write that is rolled back, and the database's clock beside ours."""
    sqlite = engine.dialect.name == "sqlite"
    try:
        with writing(engine) as connection:
            connection.execute(queue_settings.update().values(id=queue_settings.c.id))
            now = "select strftime('%s', 'now')" if sqlite else "select extract(epoch from clock_timestamp())"
            database_clock = float(connection.exec_driver_sql(now).scalar_one())
            ours = datetime.now(UTC).timestamp()
            connection.rollback()
    except sa.exc.DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        yield Check("write test", "fail", reason, "may this user write, and is there room on the disk?")
    else:
        yield Check("write test", "ok", "written and rolled back")
        # SQLite has no clock of its own: the worker's host is the database's, and its seconds are whole.
        difference = 0.0 if sqlite else ours - database_clock
        state: State = "warn" if abs(difference) > CLOCK_SECONDS else "ok"
        yield Check("clock", state, f"{difference:+.1f} s", "this host's clock minus the database's")


def _log(engine: sa.Engine) -> Iterator[Check]:
    """SQLite: the write-ahead log's size. PostgreSQL: dead rows of the table that is written most."""
    if engine.dialect.name == "sqlite":
        path = sqlite_path(engine.url)
        log = path.with_name(path.name + "-wal")
        size = log.stat().st_size if log.exists() else 0
        large = size > LARGE_LOG_BYTES
        note = "a reader holds an old moment of the database: is a query or a notebook left open?" if large else None
        yield Check("write-ahead log", "warn" if large else "ok", _megabytes(size), note)
        return
    live, dead = inspect(engine, lambda connection: connection.execute(sa.text(_DEAD_TUPLES)).one())
    many = dead > DEAD_TUPLES_AT_LEAST and dead > DEAD_SHARE * (live + dead)
    note = "each claim walks over them; a transaction left open keeps vacuum from its work" if many else None
    yield Check("dead rows of jobs", "warn" if many else "ok", f"{dead} beside {live} live ones", note)


_DEAD_TUPLES = (
    "select coalesce(max(n_live_tup), 0), coalesce(max(n_dead_tup), 0) from pg_stat_user_tables"
    " where schemaname = current_schema() and relname = 'jobs'"
)


def _workers(reader: QueueReader) -> Iterator[Check]:
    """Workers that fell silent without having stopped, and still hold jobs."""
    workers: list[dict[str, Any]] = reader.workers()
    running = sum(worker["condition"] == "running" for worker in workers)
    lost = [worker for worker in workers if worker["condition"] == "lost" and worker["n_running"]]
    if not lost:
        yield Check("workers", "ok", f"{running} running, none lost with jobs")
        return
    worst = max(lost, key=lambda worker: float(worker["silent_seconds"]))
    silent = duration_text(float(worst["silent_seconds"]))
    note = f"{worst['worker_id']}: silent for {silent}, holds {worst['n_running']} jobs; any worker takes them back"
    yield Check("workers", "warn", f"{running} running, {len(lost)} lost with jobs", note)


def _stuck(reader: QueueReader) -> Iterator[Check]:
    """Jobs whose lease ended more than a lease ago: living workers take them back sooner, so something is wrong."""
    earlier = reader.dialect.earlier(":seconds")
    sql = f"select count(*), min(model_id) from jobs where state = 'running' and lease_until < {earlier}"
    seconds = {"seconds": reader.settings.lease_seconds}
    n, first = inspect(reader.engine, lambda connection: connection.execute(sa.text(sql), seconds).one())
    note = f"model {first} among them; sensdb worker takes them back, where one can run" if n else None
    yield Check("stuck jobs", "fail" if n else "ok", str(n), note)


def _spool(folder: Path) -> Iterator[Check]:
    """Results on this host's disk that the database did not take yet, or did not want."""
    files = list(folder.glob(f"*/*{SUFFIX}")) if folder.is_dir() else []
    refused = sum(path.parent.name == REFUSED for path in files)
    waiting = len(files) - refused
    note = None
    if waiting:
        note = f"{folder}: the next worker on this host stores them"
    elif refused:
        note = f"{folder / REFUSED}: others' attempts came before them; delete them when you like"
    yield Check("spooled results", "warn" if waiting else "ok", f"{waiting} waiting, {refused} refused", note)


def _artifacts(reader: QueueReader, url: str) -> Iterator[Check]:
    """Rows whose file is missing, and files that no row names; only in a folder, for elsewhere each look costs."""
    for scheme in LOCAL_SCHEMES:
        url = url.removeprefix(scheme)
    if "://" in url:
        yield Check("artifact files", "ok", "not looked at", "they lie behind a URL")
        return
    root = Path(url).expanduser()
    named = set(inspect(reader.engine, lambda connection: connection.execute(sa.text(_URIS)).scalars().all()))
    there = {
        path.relative_to(root).as_posix()
        for path in _files(root / reader.identity)
        if not path.name.endswith(TEMPORARY)
    }
    missing, unnamed = sorted(named - there), sorted(there - named)
    value = f"{len(named)} rows, {len(there)} files"
    if missing:
        note = f"{len(missing)} files are missing, {missing[0]} among them: SENSDB_ARTIFACTS names their folder"
        yield Check("artifact files", "fail", value, note)
    elif unnamed:
        note = f"no row names {len(unnamed)} files, {unnamed[0]} among them: left by a stop; harmless"
        yield Check("artifact files", "warn", value, note)
    else:
        yield Check("artifact files", "ok", value)


_URIS = "select distinct uri from artifacts"


def _points(reader: QueueReader) -> Iterator[Check]:
    """Results that promise point rows and have none, or the other way round."""
    n, first = inspect(reader.engine, lambda connection: connection.execute(sa.text(_TORN)).one())
    note = f"model {first} among them; restore a copy, or sensdb retry --retrain" if n else None
    yield Check("results without their rows", "fail" if n else "ok", str(n), note)


# Whether there is any: a count would read every row of a large database. They are stored whole or not at all.
_TORN = (
    "select count(*), min(m.model_id) from model_metrics m where (m.n_points_stored > 0) <> exists"
    " (select 1 from point_metrics p where p.model_id = m.model_id)"
)


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
