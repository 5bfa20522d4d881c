"""point_metrics as one table beside 16 hash partitions by model_id: `python -m tests.benchmarks.partitions [--rows N]`.

The same work on both in one PostgreSQL server, in turn: load (binary COPY of models of 10,000 points), reading one
model, deleting a sweep of a tenth of the models by parts as `sensdb delete` does, vacuum after it. Ratios above 1 mean
that partitions are faster.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import sqlalchemy as sa

from sensdb.database.engine import open_engine
from sensdb.database.migrate import initialise
from sensdb.definitions.metrics import POINT_METRICS
from sensdb.operations.delete import MODELS_AT_ONCE
from sensdb.results.rows import COPY_HEADER, COPY_TRAILER, clean_points, copy_rows
from tests.postgresql import Cluster

POINTS_A_MODEL = 10_000
MODELS_A_LOAD = 10
N_PARTITIONS = 16
TABLES = ("one_table", "partitioned")


def make_tables(engine: sa.Engine) -> None:
    """Both tables as the schema has point_metrics, checks and key included."""
    with engine.begin() as connection:
        connection.exec_driver_sql("create table one_table (like point_metrics including all)")
        connection.exec_driver_sql(
            "create table partitioned (like point_metrics including all) partition by hash (model_id)"
        )
        for remainder in range(N_PARTITIONS):
            connection.exec_driver_sql(
                f"create table partitioned_{remainder} partition of partitioned"
                f" for values with (modulus {N_PARTITIONS}, remainder {remainder})"
            )


def rows_of(model_ids: range) -> bytes:
    """Binary COPY of random points."""
    draw = np.random.default_rng(model_ids.start)
    pieces = []
    for model_id in model_ids:
        points = {"point_index": np.arange(POINTS_A_MODEL)}
        points |= {metric.name: draw.random(POINTS_A_MODEL) for metric in POINT_METRICS}
        pieces.append(copy_rows(clean_points(model_id, points)))
    return b"".join([COPY_HEADER, *pieces, COPY_TRAILER])


def load(engine: sa.Engine, table: str, data: bytes) -> None:
    """One transaction, as a worker stores some results."""
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor, cursor.copy(f"copy {table} from stdin (format binary)") as copy:
            copy.write(data)


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def run(engine: sa.Engine, statement: str) -> None:
    """One statement in a transaction of its own; VACUUM takes none."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        result = connection.exec_driver_sql(statement)
        if result.returns_rows:
            result.all()


def main() -> None:
    """Print seconds of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="point rows in each of the two tables")
    n_models = max(100, parser.parse_args().rows // POINTS_A_MODEL)
    cluster = Cluster()
    taken: dict[str, dict[str, float]] = {}
    try:
        initialise(cluster.start().url())
        engine = open_engine(cluster.url(), limits=False)
        make_tables(engine)

        def note(what: str, table: str, seconds: float) -> None:
            taken.setdefault(what, dict.fromkeys(TABLES, 0.0))[table] += seconds

        for place, first in enumerate(range(1, n_models + 1, MODELS_A_LOAD)):
            data = rows_of(range(first, first + MODELS_A_LOAD))
            for table in TABLES[:: 1 if place % 2 else -1]:
                note("load", table, timed(lambda table=table, data=data: load(engine, table, data)))
        for table in TABLES:
            run(engine, f"vacuum analyze {table}")
        for place, model_id in enumerate(np.random.default_rng(0).integers(1, n_models, 40).tolist()):
            for table in TABLES[:: 1 if place % 2 else -1]:
                read = f"select * from {table} where model_id = {model_id} order by point_index"
                note("read a model (40)", table, timed(lambda read=read: run(engine, read)))
        longest = dict.fromkeys(TABLES, 0.0)
        sweep = list(range(5, n_models, 10))
        for first in range(0, len(sweep), MODELS_AT_ONCE):
            part = ", ".join(map(str, sweep[first : first + MODELS_AT_ONCE]))
            for table in TABLES:
                delete = f"delete from {table} where model_id in ({part})"
                seconds = timed(lambda delete=delete: run(engine, delete))
                note("delete a sweep", table, seconds)
                longest[table] = max(longest[table], seconds)
        taken["longest transaction of it"] = longest
        for table in TABLES:
            note("vacuum after it", table, timed(lambda table=table: run(engine, f"vacuum {table}")))
        engine.dispose()
    finally:
        cluster.stop()
    print(f"{n_models * POINTS_A_MODEL:,} rows in each\n{'s':<28}{'one table':>12}{'partitions':>12}{'ratio':>8}")
    for what, seconds in taken.items():
        one, many = (seconds[table] for table in TABLES)
        print(f"{what:<28}{one:>12.2f}{many:>12.2f}{one / many:>8.2f}")


if __name__ == "__main__":
    main()
