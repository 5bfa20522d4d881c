"""Storing results beside the raw path of each database: `python -m tests.benchmarks.storing`.

A model has 1,000 point rows of 15 columns, 2 in 100 of whose numbers do not exist; 64 models are stored at a time, as
a worker does. sensdb's time is all of it: cleaning the numbers, laying out the rows, the fence, the rows of models and
attempts, the COMMIT. Raw is the transaction that a program would write by hand for the same rows: a fence, binary COPY
by psycopg's `write_row` with its types set, or `executemany` of tuples that are made already, and a COMMIT. Both in
turn; medians. Rows a second; ratios of one run mean something, a shared machine moves the absolute numbers.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from typing import Any

import numpy as np
import sqlalchemy as sa

from sensdb.database.engine import writing
from sensdb.definitions.metrics import POINT_METRICS
from sensdb.jobs.queue import Job, Queue
from sensdb.results.rows import COLUMNS, clean_points, driver_rows
from sensdb.results.writer import Result, store
from tests.benchmarks.queue import PACK, Server, line, queue_on
from tests.conformance.factories import all_metrics, pairs

POINTS = 1_000
WANTED = 0.8
TYPES = {"model_id": "int8", "point_index": "int4", "real4": "float4", "integer": "int4", "boolean": "bool"}


def points_of(model_id: int) -> dict[str, np.ndarray]:
    """One model's points as they come out of a measurement."""
    draw = np.random.default_rng(model_id)
    columns: dict[str, np.ndarray] = {"point_index": np.arange(POINTS)}
    for metric in POINT_METRICS:
        if metric.storage == "real4":
            columns[metric.name] = draw.lognormal(size=POINTS)
            columns[metric.name][draw.random(POINTS) < 0.02] = np.nan
        else:
            columns[metric.name] = draw.integers(0, 2 if metric.storage == "boolean" else 10, POINTS)
    return columns


def results_of(jobs: list[Job]) -> list[Result]:
    """What a worker hands over."""
    return [
        Result(job.model_id, job.attempt, all_metrics(), "1", "cpu-bench", points=points_of(job.model_id))
        for job in jobs
    ]


def by_sensdb(queue: Queue, jobs: list[Job]) -> float:
    """Seconds of `store`."""
    results = results_of(jobs)
    started = time.perf_counter()
    accepted = store(queue, results)
    taken = time.perf_counter() - started
    assert len(accepted) == len(jobs)
    return taken


def by_hand(queue: Queue, jobs: list[Job]) -> float:
    """Seconds of the same rows by the database's own bulk path, made before the clock starts."""
    rows = [row for job in jobs for row in driver_rows(clean_points(job.model_id, points_of(job.model_id)))]
    kinds = [TYPES[name] for name in COLUMNS[:2]] + [TYPES[metric.storage] for metric in POINT_METRICS]
    metrics = {"attempt": 1, "engine_version": "1", "device_class": "cpu-bench", "measured_on": "cpu-bench"}
    started = time.perf_counter()
    with writing(queue.engine) as connection:
        queue.close(connection, pairs(jobs))
        for job in jobs:
            _result_row(connection, {"model_id": job.model_id, "result_id": str(job.model_id), **metrics})
        if queue.dialect.name == "sqlite":
            places = ", ".join("?" for _ in COLUMNS)
            connection.exec_driver_sql(f"insert into point_metrics ({', '.join(COLUMNS)}) values ({places})", rows)
        else:
            driver: Any = connection.connection.driver_connection
            statement = f"copy point_metrics ({', '.join(COLUMNS)}) from stdin (format binary)"
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                copy.set_types(kinds)
                for row in rows:
                    copy.write_row(row)
    return time.perf_counter() - started


def _result_row(connection: sa.Connection, given: dict[str, object]) -> None:
    """The row that the points hang on."""
    values = {**all_metrics(), **given, "n_points_stored": POINTS}
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    connection.execute(sa.text(f"insert into model_metrics ({names}) values ({places})"), values)


def compare(url: str, rounds: int) -> None:
    """Print both rates on one database."""
    taken: dict[str, list[float]] = {"sensdb": [], "raw": []}
    with queue_on(url, 2 * PACK * (rounds + 1)) as queue:
        for _ in range(rounds + 1):
            for name, way in (("raw", by_hand), ("sensdb", by_sensdb)):
                taken[name].append(way(queue, queue.claim("worker", PACK)))
        kind = queue.dialect.name
    rates = {name: PACK * POINTS / statistics.median(times[1:]) for name, times in taken.items()}  # the first warms up
    share = rates["sensdb"] / rates["raw"]
    line(f"{kind}: raw", f"{rates['raw']:,.0f} rows/s")
    line(f"{kind}: sensdb", f"{rates['sensdb']:,.0f} rows/s", f"{share:.0%} of raw; wanted {WANTED:.0%}")


def main() -> None:
    """Parse the command line and print a row a database and way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="timed batches of 64 models each way")
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {PACK} models of {POINTS} points a transaction")
    with tempfile.TemporaryDirectory() as folder:
        compare(f"sqlite:///{folder}/bench.db", given.rounds)
    server = Server()
    try:
        compare(server.new(), given.rounds)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
