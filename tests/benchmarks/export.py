"""Speed and memory of an export from PostgreSQL: `python -m tests.benchmarks.export [--rows 50000000]`.

Makes a table of point rows on a server of its own, then runs `sensdb export` as a user would, first with no mirror
(every row comes from the server) and once more into another folder (from the mirror). Peak is the resident memory of
the exporting process and its children.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.engine import open_engine, writing
from sensdb.database.migrate import initialise
from sensdb.definitions.metrics import POINT_METRICS
from tests.mirror.stored import add_models
from tests.postgresql import Cluster

POINTS_A_MODEL = 10_000
SWEEPS = 4


def fill(engine: sa.Engine, n_models: int, points: int = POINTS_A_MODEL) -> None:
    """Models in SWEEPS sweeps, each with `points` rows of numbers that do not compress."""
    for sweep in range(SWEEPS):
        seeds = range(sweep, n_models, SWEEPS)
        add_models(engine, [{"seed": seed} for seed in seeds], sweep=f"sweep-{sweep}")
    values = {"real4": "random()::real", "integer": "(random() * 100)::int", "boolean": "random() < 0.9"}
    names = ", ".join(metric.name for metric in POINT_METRICS)
    columns = ", ".join(values[metric.storage] for metric in POINT_METRICS)
    for first in range(0, n_models, 100):
        with writing(engine, statement_seconds=600) as connection:
            connection.exec_driver_sql(
                f"insert into point_metrics (model_id, point_index, {names}) select m.model_id, g.i, {columns}"
                f" from (select model_id from models order by model_id offset {first} limit 100) m"
                f" cross join generate_series(0, {points - 1}) g(i) order by 1, 2"  # a model's rows together, as stored
            )
    with writing(engine, statement_seconds=600) as connection:
        connection.execute(schema.model_metrics.update().values(n_points_stored=points))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("vacuum analyze")  # as autovacuum does within a minute or two


def export(url: str, cache: Path, folder: Path, file_format: str) -> tuple[float, float, float]:
    """Seconds, CPU seconds and MB of one export in a process of its own."""
    program = "import sys; from sensdb.cli import main; sys.exit(main())"
    environment = {**os.environ, "SENSDB_DATABASE_URL": url, "SENSDB_CACHE": str(cache)}
    started = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-c", program, "export", str(folder), "--format", file_format],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Print one row an export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="point rows; 50000000 needs some 20 GB of disk")
    parser.add_argument("--formats", default="parquet,csv,duckdb")
    given = parser.parse_args()
    n_models = max(SWEEPS, given.rows // POINTS_A_MODEL)
    n_rows = n_models * POINTS_A_MODEL
    cluster = Cluster()
    try:
        url = cluster.start().url()
        initialise(url)
        engine = open_engine(url, limits=False)
        started = time.monotonic()
        fill(engine, n_models)
        engine.dispose()
        print(f"{n_rows:,} point rows of {n_models:,} models in PostgreSQL, made in {time.monotonic() - started:.0f} s")
        print(f"{'export':<28}{'s':>8}{'rows/s':>12}{'CPU s':>8}{'peak MB':>10}{'MB on disk':>12}")
        with tempfile.TemporaryDirectory(prefix="sensdb-export-") as place:
            for number, file_format in enumerate([given.formats.split(",")[0], *given.formats.split(",")]):
                folder = Path(place) / f"out-{number}"
                seconds, busy, peak = export(url, Path(place) / "cache", folder, file_format)
                size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
                name = f"{file_format}, {'no mirror yet' if number == 0 else 'from the mirror'}"
                print(
                    f"{name:<28}{seconds:>8.1f}{n_rows / seconds:>12,.0f}{busy:>8.1f}{peak:>10.0f}{size:>12.0f}",
                    flush=True,
                )
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
