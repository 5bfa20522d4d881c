"""`sensdb doctor`: is this installation fit to work? Versions, settings, database, folders, devices, a line each."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sensdb.database.engine import open_engine, require_schema
from sensdb.database.schema import REVISION
from sensdb.database.url import mask
from sensdb.errors import SensdbError
from sensdb.operations.doctor_database import Check, examine_database
from sensdb.settings import Settings
from sensdb.worker.identity import usable_cores

CHECK_COLUMNS = ("check", "state", "value", "note")
PACKAGES = ("sqlalchemy", "duckdb", "pyarrow", "numpy", "pandas", "scipy")
OPTIONAL_PACKAGES = {"torch": "sensdb[worker]", "psycopg": "sensdb[postgresql]"}


def examine(settings: Settings) -> list[Check]:
    """Every check, in a fixed order; a failing one never keeps the later ones from being made."""
    return [*_versions(), *_settings(settings), *_database(settings), *_folders(settings), *_devices()]


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


def _database(settings: Settings) -> Iterator[Check]:
    try:
        engine = open_engine(settings.database_url, application_name="sensdb doctor", pool_size=1)
        try:
            require_schema(engine)
            yield Check("schema", "ok", f"revision {REVISION}")
            yield from examine_database(engine, settings.cache_path, settings.artifacts_url)
        finally:
            engine.dispose()
    except SensdbError as error:
        yield Check("schema", "fail", error.message, error.hint)


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
