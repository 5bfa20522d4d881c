"""`sensdb doctor`: is this installation fit to work? Versions, settings, database, folders, devices, a line each."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from sensdb.database.engine import open_engine, require_schema, writing
from sensdb.database.schema import REVISION, queue_settings
from sensdb.database.url import mask
from sensdb.errors import SensdbError
from sensdb.settings import Settings
from sensdb.worker.identity import usable_cores

CHECK_COLUMNS = ("check", "state", "value", "note")
PACKAGES = ("sqlalchemy", "duckdb", "pyarrow", "numpy", "pandas", "scipy")
OPTIONAL_PACKAGES = {"torch": "sensdb[worker]", "psycopg": "sensdb[postgresql]"}
CLOCK_SECONDS = 2.0
"""A difference of clocks worth a warning; leases do not depend on it, the times in logs do."""


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, how it stands, the value found, and what to do or where it comes from."""

    check: str
    state: Literal["ok", "warn", "fail"]
    value: str
    note: str | None = None


def examine(settings: Settings) -> list[Check]:
    """Every check, in a fixed order; a failing one never keeps the later ones from being made."""
    return [*_versions(), *_settings(settings), *_database(settings.database_url), *_folders(settings), *_devices()]


def _versions() -> Iterator[Check]:
    yield Check("sensdb", "ok", version("sensdb"))
    yield Check("python", "ok", platform.python_version(), sys.executable)
    for name in PACKAGES:
        yield Check(name, "ok", version(name))
    for name, extra in OPTIONAL_PACKAGES.items():
        try:
            yield Check(name, "ok", version(name))
        except PackageNotFoundError:
            yield Check(name, "warn", "not installed", f"pip install '{extra}'")


def _settings(settings: Settings) -> Iterator[Check]:
    yield Check("database", "ok", mask(settings.database_url), settings.database.origin)
    for name, setting in (
        ("data", settings.data),
        ("artifacts", settings.artifacts),
        ("cache", settings.cache),
        ("config", settings.config),
    ):
        yield Check(name, "ok", mask(setting.value), setting.origin)


def _database(url: str) -> Iterator[Check]:
    try:
        engine = open_engine(url, application_name="sensdb doctor", pool_size=1)
        try:
            require_schema(engine)
            yield Check("schema", "ok", f"revision {REVISION}")
            yield from _written(engine)
        finally:
            engine.dispose()
    except SensdbError as error:
        yield Check("schema", "fail", error.message, error.hint)


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
        return
    yield Check("write test", "ok", "written and rolled back")
    # SQLite has no clock of its own: the worker's host is the database's, and its seconds are whole.
    difference = 0.0 if sqlite else ours - database_clock
    state: Literal["ok", "warn"] = "warn" if abs(difference) > CLOCK_SECONDS else "ok"
    yield Check("clock", state, f"{difference:+.1f} s", "this host's clock minus the database's")


def _folders(settings: Settings) -> Iterator[Check]:
    for folder in settings.data_paths[:-1]:
        if not folder.is_dir():
            yield Check(
                "data folder", "warn", str(folder), f"there is no such folder; {settings.data.origin} names it."
            )
    yield _writable("cache folder", settings.cache_path)
    if "://" not in settings.artifacts_url:
        yield _writable("artifacts folder", Path(settings.artifacts_url).expanduser())


def _writable(check: str, folder: Path) -> Check:
    """Whether files can be made in a folder, or in the nearest one above that is there; makes no folder."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            return Check(check, "ok", str(folder))
    except OSError as error:
        return Check(check, "fail", str(folder), f"cannot be written: {error.strerror}.")


def _devices() -> Iterator[Check]:
    yield Check("cpu", "ok", f"{usable_cores()} of {os.cpu_count()} cores", platform.machine())
    try:
        import torch
    except ModuleNotFoundError:
        return
    for index in range(torch.cuda.device_count()):
        yield Check(f"cuda:{index}", "ok", torch.cuda.get_device_name(index))
