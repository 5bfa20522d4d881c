"""The storm: workers on one database, faults at random, and the count afterwards. `make storm` runs the long form."""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import sqlalchemy as sa

from sensdb.database.engine import open_engine
from sensdb.database.migrate import initialise
from sensdb.errors import DatabaseError
from sensdb.jobs.queue import Queue
from tests.conformance.factories import enqueue, execute, scalar, some_specs
from tests.conformance.proxy import CuttingProxy
from tests.postgresql import Cluster
from tests.storm.faults import FAULTS, RESTART, Inject, make_disk, once_it_answers, restart
from tests.storm.journal import check, read_journals
from tests.storm.report import Fault, Report, recovery
from tests.storm.worker import Traits, run_worker

# Forked from a server that has torch imported: a worker starts in a tenth of a second.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.storm.worker", "sqlalchemy.dialects.postgresql.psycopg"])

WORKERS = 6
BEHIND_PROXY = 2
HOUR = 3600.0
MANY_PROBLEMS = 20
LOSS_BUDGET = 30
"""Enough that no innocent dies of one fault a second; budgets have their own tests."""


@dataclass
class Member:
    """A worker process of the storm."""

    number: int
    process: BaseProcess
    behind_proxy: bool
    fault: str | None
    started: float = field(default_factory=time.monotonic)
    doomed: bool = False
    stopped: bool = False

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def kill(self) -> None:
        """SIGKILL, which a stopped process obeys too."""
        self.doomed = True
        if self.process.is_alive():
            os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """SIGSTOP."""
        self.stopped = True
        if self.process.is_alive():
            os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT."""
        self.stopped = False
        if self.process.is_alive():
            os.kill(self.pid, signal.SIGCONT)


class Storm:
    """One run on one kind of database.

    Args:
        n_models: at least; more are enqueued where the workers would run out before all faults were injected.
        kinds: which faults; all that the database knows.
        n_restarts: among the faults, spread evenly; PostgreSQL alone.
        spacing: mean seconds between two faults.
    """

    def __init__(
        self,
        kind: str,
        folder: Path,
        *,
        n_models: int,
        n_faults: int,
        seed: int,
        n_restarts: int = 0,
        spacing: float = 0.35,
        lease_seconds: float = 1.5,
        kinds: Sequence[str] | None = None,
        careless: bool = False,
        fenced: bool = True,
    ) -> None:
        self.kind, self.folder, self.lease_seconds = kind, folder, lease_seconds
        self._n_models, self._n_faults, self._seed, self._spacing = n_models, n_faults, seed, spacing
        self._careless, self._fenced = careless, fenced
        self._draw = random.Random(seed)
        chosen = {name: inject for name, inject in FAULTS[kind].items() if kinds is None or name in kinds}
        self._plan = self._planned(chosen, n_restarts if kind == "postgresql" else 0)
        # Half of what would last to the last fault: workers that are struck all the time do half as much.
        self._model_seconds = max(0.01, 0.5 * n_faults * spacing * WORKERS / n_models)
        self._pending: list[threading.Timer] = []
        self._numbers = itertools.count()
        self._members: list[Member] = []
        self._faults: list[Fault] = []
        self._problems: list[str] = []
        self._enqueued = 0

    def run(self) -> Report:
        """Start everything, inject every fault, let the workers finish, and count."""
        begun = time.monotonic()
        self._open_database()
        try:
            self._more(self._n_models)
            for _ in range(WORKERS):
                self.start()
            self._inject_all()
            self._drain()
            leftovers = self._end()
            entries = read_journals(self.folder)
            verdict = check(self.engine, entries)
            for fault in self._faults:
                fault.recovered_after = recovery(fault, entries)
            return Report(self.kind, self._seed, time.monotonic() - begun, self._faults, verdict, leftovers)
        finally:
            for member in self._members:
                member.kill()
            self._close_database()

    def start(self, *, fault: str | None = None) -> Member:
        """Start a worker; every second one names a host of its own, so that nobody sees its process die."""
        number = next(self._numbers)
        behind_proxy = self.kind == "postgresql" and fault is None and self._n_behind_proxy() < BEHIND_PROXY
        own_host = f"host-{number}" if self.kind == "postgresql" and number % 2 else None
        traits = Traits(
            self._model_seconds,
            host=own_host,
            clock_seconds=(0.0, HOUR, -HOUR)[number % 3],
            fault=fault,
            careless=self._careless,
            fenced=self._fenced,
        )
        url = self._proxy_url if behind_proxy else self._url
        process = _context.Process(target=run_worker, args=(url, str(self.folder), number, traits))
        process.start()
        self._members.append(Member(number, process, behind_proxy, fault))
        return self._members[-1]

    def healthy(self) -> list[Member]:
        """Workers at work that no fault has struck just now; waits for one."""
        while True:
            found = [
                member
                for member in self._members
                if not (member.doomed or member.fault or member.stopped)
                and member.process.is_alive()
                # Started long enough ago to be at work.
                and time.monotonic() - member.started > 0.7
            ]
            if found:
                return found
            self._tick()

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something after a while, whatever the storm itself is waiting for then; a lock, say, that it holds."""

        def ring() -> None:
            try:
                act()
            except (DatabaseError, sa.exc.DBAPIError):
                self.later(0.3, act)  # the database is away just then
            finally:
                self._pending.remove(timer)

        timer = threading.Timer(seconds, ring)
        timer.daemon = True
        self._pending.append(timer)
        timer.start()

    def administer(self, statement: str, **values: object) -> None:
        """Run a statement of PostgreSQL on a connection to another database."""

        def administer() -> None:
            with self._admin.connect() as connection:
                connection.execute(sa.text(statement), values)

        once_it_answers(administer)

    def restart(self) -> None:
        """Restart the server in the middle of everything."""
        self._cluster.restart()

    def _planned(self, chosen: dict[str, Inject], n_restarts: int) -> list[tuple[str, Inject]]:
        """Every kind as often as every other, in an order drawn, restarts spread evenly."""
        kinds = itertools.cycle(chosen.items())
        plan = list(itertools.islice(kinds, self._n_faults - n_restarts))
        self._draw.shuffle(plan)
        for place in range(n_restarts):
            plan.insert((place + 1) * len(plan) // (n_restarts + 1) + place, (RESTART, restart))
        return plan

    def _inject_all(self) -> None:
        for name, inject in self._plan:
            self._wait(self._draw.expovariate(1 / self._spacing))
            self._keep_busy()
            begun = time.monotonic()
            victims, takes_jobs = inject(self, self._draw)
            self._faults.append(
                Fault(
                    name,
                    # A worker is struck at the end of what leads up to it; a server is away from the beginning.
                    time.monotonic() if takes_jobs else begun,
                    tuple(member.number for member in victims),
                    takes_jobs,
                    faulty=any(member.fault for member in victims),
                )
            )

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self._tick()
        while time.monotonic() < until:
            self._tick()

    def _tick(self) -> None:
        time.sleep(0.02)
        gone = [member for member in self._members if not member.process.is_alive()]
        for member in gone:
            member.process.join()
            self._members.remove(member)
            if not member.doomed and member.fault is None:
                self._problems.append(f"worker {member.number} left with {member.process.exitcode}")
                if len(self._problems) > MANY_PROBLEMS:
                    raise RuntimeError("workers die by themselves: " + "; ".join(self._problems))
            if member.fault is None:
                self.start()

    def _keep_busy(self) -> None:
        try:
            waiting = scalar(self.engine, "select count(*) from jobs where state = 'queued'")
            if waiting < 10 * WORKERS:
                self._more(20 * WORKERS)
        except (DatabaseError, sa.exc.DBAPIError):
            return  # just now cut or away; asked again before the next fault

    def _more(self, n: int) -> None:
        # Three pack keys, so that claims differ.
        specs = [spec for width in (4, 5, 6) for spec in some_specs(-(-(self._enqueued + n) // 3), width=width)]
        enqueue(self._queue, specs)
        self._enqueued = len(specs)

    def _drain(self) -> None:
        """Wait until every job has ended, or nothing has changed for a minute."""
        before, changed = -1, time.monotonic()
        while time.monotonic() - changed < 60:
            self._wait(0.1)
            try:
                left = scalar(self.engine, "select count(*) from jobs where state in ('queued', 'running')")
            except (DatabaseError, sa.exc.DBAPIError):
                continue
            if left == 0 and not self._pending:
                return
            if left != before:
                before, changed = left, time.monotonic()

    def _end(self) -> list[str]:
        """Let every worker leave in good order; a line for each that did not, now or before."""
        for member in self._members:
            member.wake()
            if member.process.is_alive():
                os.kill(member.pid, signal.SIGTERM)
        for member in self._members:
            member.process.join(timeout=30)
            if member.process.exitcode not in (0, -signal.SIGTERM) and member.fault is None:
                self._problems.append(f"worker {member.number} left with {member.process.exitcode}")
        return self._problems

    def _n_behind_proxy(self) -> int:
        return sum(member.behind_proxy and member.process.is_alive() for member in self._members)

    def _open_database(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.kind == "sqlite":
            self._url = self._proxy_url = f"sqlite:///{self.folder / 'storm.db'}"
        else:
            self._cluster = Cluster(max_connections=45, loses_commits=False).start()
            self._admin = sa.create_engine(
                sa.make_url(self._cluster.url()).set(drivername="postgresql+psycopg"), pool_pre_ping=True
            ).execution_options(isolation_level="AUTOCOMMIT")
            self.database = "storm"
            self.administer("create database storm")
            self._url = self.plain_url = self._cluster.url("storm")
            self.proxy = CuttingProxy("127.0.0.1", self._cluster.port)
            self._proxy_url = str(sa.make_url(self._url).set(port=self.proxy.port))
        initialise(self._url)
        self.engine = open_engine(self._url, pool_size=4)
        self._queue = Queue(self.engine)
        execute(
            self.engine,
            f"update queue_settings set lease_seconds = {self.lease_seconds}, beat_seconds = {self.lease_seconds / 6},"
            f" reap_seconds = {self.lease_seconds / 4}, poll_seconds = 0.1, loss_budget = {LOSS_BUDGET}",
        )
        if self.kind == "postgresql":
            make_disk(self.engine)

    def _close_database(self) -> None:
        for member in self._members:
            member.process.join(timeout=10)
        if hasattr(self, "engine"):
            self.engine.dispose()
        if self.kind == "postgresql":
            self._admin.dispose()
            self.proxy.close()
            self._cluster.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """The long form on both databases; the exit code is 1 where anything was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm.storm")
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    failed = False
    for kind in given.databases.split(","):
        folder = Path(tempfile.mkdtemp(prefix="sensdb-storm-", dir="/tmp"))
        storm = Storm(
            kind, folder, n_models=given.models, n_faults=given.faults, n_restarts=given.restarts, seed=given.seed,
            spacing=1.0,
        )  # fmt: skip
        report = storm.run()
        print(report.table(), flush=True)
        broken = bool(report.verdict.violations or report.leftovers)
        failed = failed or broken
        if broken:
            print(f"journals and logs: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
