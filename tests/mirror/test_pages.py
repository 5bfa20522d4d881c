"""Pages of points are read by their key: the time of a sync grows with what is new, not with its square."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.mirror import segments
from sensdb.mirror.sync import sync
from tests.benchmarks.generated import fill

N_MODELS, N_POINTS, PAGES = 60, 2_000, 15


def rows_read(engine: sa.Engine, column: str) -> int:
    """Of point_metrics since the server's start, by sessions that have ended: they tell before they leave."""
    others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    with engine.connect() as connection:
        until = time.monotonic() + 60
        while connection.exec_driver_sql(others).scalar_one():
            connection.rollback()
            assert time.monotonic() < until, "sessions did not end"
            time.sleep(0.05)
        connection.rollback()
        found = connection.exec_driver_sql(
            f"select {column} from pg_stat_user_tables where relname = 'point_metrics'"
        ).scalar_one()
    return int(found)


def test_a_page_reads_its_own_points_and_not_the_table(
    postgresql_url: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_ROWS", N_MODELS * N_POINTS // PAGES)
    fill(postgresql_url, n_models=N_MODELS, n_points=N_POINTS)
    engine = sa.create_engine(sa.make_url(postgresql_url).set(drivername="postgresql+psycopg"))
    scanned, fetched = rows_read(engine, "seq_tup_read"), rows_read(engine, "idx_tup_fetch")

    manifest = sync(postgresql_url, cache)

    by_index, by_scan = rows_read(engine, "idx_tup_fetch") - fetched, rows_read(engine, "seq_tup_read") - scanned
    engine.dispose()
    assert len(manifest.segments) == PAGES
    assert by_index >= N_MODELS * N_POINTS
    assert by_scan == 0
