"""A folder of its own for every command run by a test, with none of the settings of whoever runs the tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.running import Here
from tests.cli.study import enqueue_tiny, finish_jobs


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("SENSDB_DATABASE_URL", "SENSDB_DATA", "NO_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    config = tmp_path / "config.toml"
    config.write_text("", encoding="utf-8")
    monkeypatch.setenv("SENSDB_CONFIG", str(config))
    monkeypatch.setenv("SENSDB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SENSDB_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sensdb(capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(capsys)


@pytest.fixture(scope="session")
def finished_tiny(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all models of the sweep tiny, their results made up; tests copy it."""
    path = tmp_path_factory.mktemp("tiny") / "sensdb.db"
    shutil.copyfile(sqlite_template, path)
    enqueue_tiny(f"sqlite:///{path}")
    finish_jobs(f"sqlite:///{path}")
    return path
