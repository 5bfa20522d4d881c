"""A sync of a database in which nothing was committed reads no rows; one in which anything was, does."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.database.engine import writing
from sensdb.database.url import sqlite_path
from sensdb.mirror import build as building
from sensdb.mirror import changes
from sensdb.mirror.manifest import mirror_folder
from sensdb.mirror.sync import sync
from tests.mirror.looking import mirrored, points, rows_of_points
from tests.mirror.stored import add_models, delete_model, replace_result

Build = Callable[[], int]


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry more for every sync that looks at rows; files have a mark as soon as they are written."""
    monkeypatch.setattr(changes, "SETTLED_SECONDS", 0.0)
    made: list[None] = []
    build = building.build

    def counting(*given: object) -> object:
        made.append(None)
        return build(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(building, "build", counting)
    return made


def test_where_nothing_was_committed_no_rows_are_read(
    engine: sa.Engine, database_url: str, cache: Path, builds: list[None]
) -> None:
    add_models(engine, [{"points": points(3)}])
    first = sync(database_url, cache)

    for _ in range(5):  # the server's own housekeeping, autovacuum, may commit between two syncs
        before = len(builds)
        second = sync(database_url, cache)
        if len(builds) == before:
            break

    assert len(builds) == before
    assert (second.files, second.segments) == (first.files, first.segments)
    assert second.synced_at >= first.synced_at


def test_every_kind_of_commit_is_seen(engine: sa.Engine, database_url: str, cache: Path, builds: list[None]) -> None:
    first, second = add_models(engine, [{"seed": seed, "points": points(3)} for seed in range(2)], sweep="s")
    commits: list[Callable[[], object]] = [
        lambda: replace_result(engine, first, points=points(4)),
        lambda: delete_model(engine, second),
        lambda: add_models(engine, [{"seed": 5, "result": False}]),
        lambda: _write(engine, "UPDATE sweeps SET priority = 7"),
        lambda: _write(engine, "UPDATE jobs SET priority = 7"),
    ]

    sync(database_url, cache)
    for commit in commits:
        commit()
        before = len(builds)
        sync(database_url, cache)
        assert len(builds) == before + 1

    assert rows_of_points(database_url, cache) == {first: 4}
    assert mirrored(database_url, cache, "SELECT priority FROM sweeps") == [(7,)]


def _write(engine: sa.Engine, statement: str) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql(statement)


def test_a_rebuild_is_done_whatever_the_mark(
    engine: sa.Engine, database_url: str, cache: Path, builds: list[None]
) -> None:
    sync(database_url, cache)

    sync(database_url, cache, rebuild=True)

    assert len(builds) == 2


@pytest.mark.parametrize("number", [0, 1, 2], ids=["points", "ranks", "quantiles"])
def test_a_file_that_is_gone_is_made_again_though_nothing_was_committed(
    number: int, engine: sa.Engine, database_url: str, cache: Path, builds: list[None]
) -> None:
    add_models(engine, [{"points": points(3)}])
    made = sync(database_url, cache)
    gone = mirror_folder(cache, made.identity) / made.segments[0].files[number]
    gone.unlink()

    sync(database_url, cache)

    assert gone.exists()
    assert len(builds) == 2


def test_a_file_of_a_moment_ago_has_no_mark(sqlite_url: str) -> None:
    engine = sa.create_engine(sqlite_url)
    path = sqlite_path(engine.url)
    path.touch()

    assert changes.mark_of(engine) is None


def test_a_file_restored_with_its_old_times_has_another_mark(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "SETTLED_SECONDS", 0.0)
    engine = sa.create_engine(sqlite_url)
    path = sqlite_path(engine.url)
    before, mark = path.stat(), changes.mark_of(engine)
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert changes.mark_of(engine) != mark


def test_a_commit_that_becomes_visible_moves_the_head_of_the_logs_index(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sa.create_engine(sqlite_url)
    path = sqlite_path(engine.url)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("UPDATE database_identity SET identity = identity || '.'")
    before = changes._head_of(path.with_name(f"{path.name}-shm"))

    writer.execute("UPDATE database_identity SET identity = identity || '.'")

    assert before is not None
    assert changes._head_of(path.with_name(f"{path.name}-shm")) != before
    writer.close()
