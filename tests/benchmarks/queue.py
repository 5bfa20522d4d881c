"""Speed of the queue beside two others, installed into an environment of their own: `python -m tests.benchmarks.queue`.

Rows of the table, all on one PostgreSQL server that this program starts and throws away (its commits wait for no
disk, those of the rivals neither):

- claim and finish, one job at a time over one connection, beside procrastinate and pgqueuer, each asked through its
  own functions and drivers, without the loop of its worker; all in turn, medians over the rounds. Plain: the same
  statements, each between a BEGIN and a COMMIT of its own way to the server. With results: `store` of a row a model;
- claim and finish of packs of 64, without rows of results, by one worker and by four;
- a claim of 64 with 1,000 and with a million jobs queued, and the rows of `jobs` that it reads;
- enqueue of many specs, deduplicated, and once more the same ones; raw is a COPY of the rows that it left;
- `status`, as a command asks it, with many jobs;
- SQLite with eight processes on one file: jobs a second, and the errors their workers saw.

A shared machine moves the absolute numbers: ratios of one run mean something.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sensdb.database.engine import open_engine
from sensdb.database.migrate import initialise
from sensdb.jobs.claiming import claim_jobs, claim_sql
from sensdb.jobs.queue import Job, Queue
from sensdb.jobs.transactions import transact, transact_at_once
from sensdb.operations.status import read_status
from sensdb.results.writer import store
from tests.conformance.factories import a_result, a_spec, a_worker, enqueue, execute, many_models, pairs, scalar
from tests.conformance.processes import in_processes
from tests.postgresql import Cluster

RIVALS = {"procrastinate": ["procrastinate>=3.10"], "pgqueuer": ["pgqueuer[asyncpg]>=1.6", "asyncpg"]}
PACK = 64
MILLION = 1_000_000
SQLITE_PROCESSES = 8
WORKERS = 4
TABLES_OF_AN_ENQUEUE = ("models", "sweep_models", "jobs")


class Server:
    """A PostgreSQL server with a new database for every measurement."""

    def __init__(self) -> None:
        self._cluster = Cluster().start()
        self._n = 0
        self._admin = open_engine(self._cluster.url(), limits=False).execution_options(isolation_level="AUTOCOMMIT")

    def new(self) -> str:
        """The URL of an empty database."""
        self._n += 1
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"create database bench_{self._n}")
        return self._cluster.url(f"bench_{self._n}")

    def stop(self) -> None:
        """Throw the server away."""
        self._admin.dispose()
        self._cluster.stop()


@contextmanager
def queue_on(url: str, n_jobs: int = 0) -> Any:
    """A queue with so many jobs of one pack key, their statistics gathered."""
    initialise(url)
    engine = open_engine(url, pool_size=1)
    try:
        queue = Queue(engine)
        queue.register_worker(a_worker())
        if n_jobs:
            enqueue(queue, [a_spec()])
            many_models(engine, n_jobs - 1)
            execute(engine, "analyze")
        yield queue
    finally:
        engine.dispose()


def claim_and_finish(queue: Queue, limit: int, n: int, worker: str = "worker") -> float:
    """Jobs a second, claimed `limit` at a time and ended as done without rows, until n are."""
    done = 0
    started = time.perf_counter()
    while done < n and (jobs := queue.claim(worker, limit)):
        done += len(transact_at_once(queue.engine, lambda connection, jobs=jobs: queue.close(connection, pairs(jobs))))
    return done / (time.perf_counter() - started)


def claim_and_finish_plainly(queue: Queue, n: int) -> float:
    """As `claim_and_finish` one at a time, in transactions of three ways to the server; `claim` used to be so."""
    lease = queue.settings.lease_seconds

    def claim() -> list[Job]:
        return transact(
            queue.engine,
            lambda connection: claim_jobs(connection, queue.dialect, "worker", 1, lease_seconds=lease),
        )

    done = 0
    started = time.perf_counter()
    while done < n and (jobs := claim()):
        done += len(transact(queue.engine, lambda connection, jobs=jobs: queue.close(connection, pairs(jobs))))
    return done / (time.perf_counter() - started)


def claim_and_store(queue: Queue, n: int) -> float:
    """As `claim_and_finish` one at a time, with a row of results, without points."""
    done = 0
    started = time.perf_counter()
    while done < n and (jobs := queue.claim("worker", 1)):
        done += len(store(queue, [a_result(job, 0) for job in jobs]))
    return done / (time.perf_counter() - started)


def work_off(queue: Queue, number: int, limit: int) -> tuple[int, float]:
    """One of several processes: claim and finish until nothing is left; how many jobs it ended, and its seconds."""
    done = 0
    started = time.perf_counter()
    while jobs := queue.claim(f"worker-{number}", limit):
        done += len(transact_at_once(queue.engine, lambda connection, jobs=jobs: queue.close(connection, pairs(jobs))))
    return done, time.perf_counter() - started


def together(queue: Queue, url: str, n_processes: int, limit: int) -> float:
    """Jobs a second of several processes that work a queue off; an error of any of them ends the benchmark."""
    n_jobs = scalar(queue.engine, "select count(*) from jobs")
    found = in_processes(work_off, n_processes, url, limit)
    assert sum(done for done, _ in found) == n_jobs, found
    assert scalar(queue.engine, "select count(*) from attempts") == n_jobs
    return float(n_jobs / max(seconds for _, seconds in found))


def rival_environment(folder: Path) -> Path:
    """The Python of an environment with both rivals, made in `folder` unless it is there."""
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        wanted = sorted({name for names in RIVALS.values() for name in names} | {"psycopg[binary]"})
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
        (folder / "complete").touch()
    return python


def rival(python: Path, name: str, url: str, n: int) -> tuple[float, str]:
    """Jobs a second of a rival on a database of its own, and its version."""
    script = Path(__file__).with_name("rival_queues.py")
    # -P: this folder holds a queue.py, which is not what the standard library means by that name.
    done = subprocess.run([python, "-P", script, name, url, str(n)], check=True, stdout=subprocess.PIPE, text=True)
    answer = json.loads(done.stdout)
    return float(answer["jobs_per_second"]), str(answer["version"])


def line(what: str, value: str, beside: str = "") -> None:
    """One row of the table."""
    print(f"{what:<60}{value:>18}   {beside}", flush=True)


def one_at_a_time(server: Server, python: Path | None, n: int, rounds: int) -> None:
    """sensdb and its rivals in turn, a new database each time."""
    ways: dict[str, Callable[[Queue], float]] = {
        "sensdb": lambda queue: claim_and_finish(queue, 1, n),
        "sensdb, plain": lambda queue: claim_and_finish_plainly(queue, n),
        "sensdb, with results": lambda queue: claim_and_store(queue, n),
    }
    found: dict[str, list[float]] = {}
    versions = dict.fromkeys(ways, "")
    for _ in range(rounds):
        for name, way in ways.items():
            with queue_on(server.new(), n) as queue:
                found.setdefault(name, []).append(way(queue))
        for name in RIVALS if python else ():
            rate, versions[name] = rival(python, name, server.new(), n)  # type: ignore[arg-type]
            found.setdefault(name, []).append(rate)
    ours = statistics.median(found["sensdb"])
    for name, rates in found.items():
        median = statistics.median(rates)
        spread = max(abs(rate / median - 1) for rate in rates)
        beside = f"spread {spread:.0%}" + ("" if name == "sensdb" else f"; sensdb is {ours / median:.2f} times as fast")
        line(f"one at a time: {name} {versions[name]}".strip(), f"{median:,.0f} jobs/s", beside)


def packs(server: Server, n: int, rounds: int) -> None:
    """Packs of 64, by one worker and by several at once."""
    alone, beside = [], []
    for _ in range(rounds):
        with queue_on(server.new(), n) as queue:
            alone.append(claim_and_finish(queue, PACK, n))
        url = server.new()
        with queue_on(url, 2 * n) as queue:
            beside.append(together(queue, url, WORKERS, PACK))
    what = f"packs of {PACK}, claim and finish without rows"
    line(f"{what}, 1 worker", f"{statistics.median(alone):,.0f} models/s", "wanted 25,000")
    line(f"{what}, {WORKERS} workers", f"{statistics.median(beside):,.0f} models/s")


def claim_cost(server: Server, sizes: Sequence[int]) -> None:
    """Milliseconds and rows read of a claim of 64, with the queue empty but for so many."""
    for n in sizes:
        with queue_on(server.new(), n) as queue:
            taken = []
            for _ in range(20):
                started = time.perf_counter()
                queue.claim("worker", PACK)
                taken.append(time.perf_counter() - started)
            rows = rows_read(queue)
            line(
                f"claim of {PACK} with {n:,} queued", f"{1e3 * statistics.median(taken):.2f} ms", f"{rows:g} rows read"
            )


def rows_read(queue: Queue) -> float:
    """Rows of `jobs` that a claim of 64 reads, as EXPLAIN ANALYZE counts them; rolled back."""
    values = {"n": PACK, "worker_id": "worker", "lease_seconds": 120.0}
    with queue.engine.connect() as connection:
        text = f"explain (analyze, format json) {claim_sql(queue.dialect)}"
        plan = connection.execute(sa.text(text), values).scalar_one()
        connection.rollback()

    def count(node: dict[str, Any]) -> float:
        own = 0.0
        if node.get("Relation Name") == "jobs" and "Scan" in node["Node Type"]:
            own = node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0)
        return own + sum(count(part) for part in node.get("Plans", []))

    return count((plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"])


def enqueueing(server: Server, n: int) -> None:
    """Enqueue n specs, the same again, and a raw COPY of the rows they made."""
    specs = [a_spec(seed) for seed in range(n)]
    specs += specs[: n // 10]  # found to be the same before the database is asked
    with queue_on(server.new()) as queue:
        first = seconds(lambda: enqueue(queue, specs))
        again = seconds(lambda: enqueue(queue, specs))
        raw = raw_copy(queue.engine)
        status = [seconds(lambda: read_status(queue)) for _ in range(5)]
        assert scalar(queue.engine, "select count(*) from jobs") == n
    line(
        f"enqueue of {n:,} specs", f"{first:.1f} s", f"wanted under 15 s; {first / raw:.1f} times raw COPY, {raw:.2f} s"
    )
    line("the same specs again", f"{again:.1f} s", "nothing is written")
    line(f"status of {n:,} jobs", f"{1e3 * statistics.median(status):.0f} ms", "wanted under 300 ms")


def raw_copy(engine: sa.Engine) -> float:
    """Seconds to write the rows of an enqueue again, by COPY into tables without checks, but with the same indexes."""
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        texts = {}
        for table in TABLES_OF_AN_ENQUEUE:
            with driver.cursor() as cursor, cursor.copy(f"copy {table} to stdout") as copy:
                texts[table] = b"".join(copy)
            connection.exec_driver_sql(f"create table raw_{table} (like {table} including indexes including identity)")
        connection.commit()
        started = time.perf_counter()
        for table, text in texts.items():
            with driver.cursor() as cursor, cursor.copy(f"copy raw_{table} from stdin") as copy:
                copy.write(text)
        connection.commit()
        return time.perf_counter() - started


def sqlite(n: int) -> None:
    """Eight processes on one file, one job and then 64 at a time."""
    for limit in (1, PACK):
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/bench.db"
            with queue_on(url, n * (8 if limit > 1 else 1)) as queue:
                rate = together(queue, url, SQLITE_PROCESSES, limit)
        line(f"SQLite, {SQLITE_PROCESSES} processes, {limit} at a time", f"{rate:,.0f} jobs/s", "0 errors, 0 twice")


def seconds(call: Callable[[], object]) -> float:
    """Wall-clock seconds of a call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2_000, help="jobs a round, one at a time")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of everything that is in turn")
    parser.add_argument("--specs", type=int, default=100_000, help="specs to enqueue")
    parser.add_argument("--queued", type=int, default=MILLION, help="the longer of two queues to claim from")
    parser.add_argument("--only", choices=["one", "packs", "claim", "enqueue", "sqlite"], help="one part of the table")
    parser.add_argument("--no-rivals", action="store_true", help="install nothing")
    parser.add_argument(
        "--environment",
        type=Path,
        default=Path(tempfile.gettempdir()) / "sensdb-bench-rivals",
        help="where the rivals are installed; kept for the next run",
    )
    given = parser.parse_args()
    python = None if given.no_rivals or given.only not in (None, "one") else rival_environment(given.environment)
    print(f"Python {platform.python_version()}, {platform.machine()}, {given.rounds} rounds, medians")
    server = Server()
    parts: dict[str, Callable[[], None]] = {
        "one": lambda: one_at_a_time(server, python, given.jobs, given.rounds),
        "packs": lambda: packs(server, 10 * given.jobs, given.rounds),
        "claim": lambda: claim_cost(server, [1_000, given.queued]),
        "enqueue": lambda: enqueueing(server, given.specs),
        "sqlite": lambda: sqlite(given.jobs),
    }
    try:
        for name, part in parts.items():
            if given.only in (None, name):
                part()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
