"""Speed of the mirror's sync: `python -m tests.benchmarks.sync`.

On SQLite and on a PostgreSQL server that this program starts and throws away, the same generated rows:

- cold: everything copied, with each model's summaries; rows a second. Raw is reading the same rows and dropping them:
  Python's own SQLite driver, COPY TO STDOUT in binary from PostgreSQL;
- nothing changed, and one result replaced: seconds.

A shared machine moves the absolute numbers: ratios of one run mean something.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sensdb.database.engine import open_engine, writing
from sensdb.database.url import sqlite_path
from sensdb.mirror import changes
from sensdb.mirror.sync import sync
from tests.benchmarks.generated import fill
from tests.postgresql import Cluster


def line(what: str, value: str, beside: str = "") -> None:
    """One row of the table."""
    print(f"{what:<58}{value:>20}   {beside}", flush=True)


def seconds(call: Callable[[], object]) -> float:
    """Wall-clock seconds of a call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def raw_read(url: str) -> float:
    """Seconds to read every point row and drop it."""
    engine = open_engine(url, read_only=True, limits=False)
    try:
        if engine.dialect.name == "sqlite":
            return seconds(lambda: _drop_rows(sqlite_path(engine.url)))
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection

            def copy() -> None:
                with driver.cursor() as cursor, cursor.copy("COPY point_metrics TO STDOUT (FORMAT BINARY)") as stream:
                    for _ in stream:
                        pass

            return seconds(copy)
    finally:
        engine.dispose()


def _drop_rows(path: Path) -> None:
    connection = sqlite3.connect(path)
    cursor = connection.execute("SELECT * FROM point_metrics")
    while cursor.fetchmany(10_000):
        pass
    connection.close()


def measure(name: str, url: str, cache: Path, n_rows: int, rounds: int) -> None:
    """The lines of one database."""
    cold = []
    for _ in range(rounds):
        shutil.rmtree(cache, ignore_errors=True)
        cold.append(seconds(lambda: sync(url, cache)))
    raw = raw_read(url)
    best = min(cold)
    size = sum(path.stat().st_size for path in cache.rglob("*.parquet")) / 1e6
    line(
        f"{name}: cold, {n_rows:,} rows, with summaries",
        f"{n_rows / best / 1e6:.2f} M rows/s",
        f"{best:.1f} s, best of {rounds}; {best / raw:.2f} times raw reading, {raw:.1f} s; {size:,.0f} MB",
    )
    time.sleep(changes.SETTLED_SECONDS)
    sync(url, cache)  # takes a mark
    line(f"{name}: nothing changed", f"{seconds(lambda: sync(url, cache)):.3f} s", "wanted under 0.3 s")
    engine = open_engine(url)
    with writing(engine) as connection:
        connection.execute(
            sa.text("UPDATE model_metrics SET result_id = :r WHERE model_id = 1"), {"r": str(uuid.uuid4())}
        )
    line(f"{name}: one result replaced", f"{seconds(lambda: sync(url, cache)):.2f} s", "its segment is written anew")
    engine.dispose()


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--points", type=int, default=10_000, help="of each model; 5000 models make 50 million rows")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    given = parser.parse_args()
    n_rows = given.models * given.points
    with tempfile.TemporaryDirectory(prefix="sensdb-bench-") as name:
        folder = Path(name)
        if given.only != "postgresql":
            url = f"sqlite:///{folder}/bench.db"
            made = fill(url, n_models=given.models, n_points=given.points)
            line("SQLite: rows stored", f"{made:.1f} s", f"{(folder / 'bench.db').stat().st_size / 1e6:,.0f} MB")
            measure("SQLite", url, folder / "sqlite-cache", n_rows, given.rounds)
        if given.only != "sqlite":
            cluster = Cluster().start()
            try:
                made = fill(cluster.url(), n_models=given.models, n_points=given.points)
                line("PostgreSQL: rows stored", f"{made:.1f} s")
                measure("PostgreSQL", cluster.url(), folder / "postgresql-cache", n_rows, given.rounds)
            finally:
                cluster.stop()


if __name__ == "__main__":
    main()
