"""What befalls the workers and the database of a storm, each fault with the end it takes."""

from __future__ import annotations

import os
import random
import signal
import struct
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import psycopg
import sqlalchemy as sa

from sensdb.errors import DatabaseError
from tests.conformance.factories import execute, query
from tests.storm.worker import CLOCK, DISK_FULL, SPOOL_FULL

if TYPE_CHECKING:
    from tests.storm.storm import Member, Storm

LONGER_THAN_A_LEASE = 1.4


T = TypeVar("T")
Inject = Callable[["Storm", random.Random], tuple[Sequence["Member"], bool]]


def once_it_answers(call: Callable[[], T]) -> T:
    """The database may be away or have no connection to give: faults come where others are still felt."""
    until = time.monotonic() + 30
    while True:
        try:
            return call()
        except (psycopg.OperationalError, sa.exc.DBAPIError, DatabaseError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def kill(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """SIGKILL, at any moment."""
    return _signal(storm, draw, signal.SIGKILL), True


def kill_repeatedly(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """SIGKILL three workers in one lease."""
    victims = draw.sample(storm.healthy(), min(3, len(storm.healthy())))
    for place, victim in enumerate(victims):
        storm.later(0.2 * place, victim.kill)
    return victims, True


def kill_in_commit(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """SIGKILL between the fence and COMMIT."""
    return _hold(storm, draw, lambda victim: victim.kill()), True


def stop(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """SIGSTOP past the lease, then SIGCONT."""
    victim = draw.choice(storm.healthy())
    _stop(storm, victim)
    return [victim], True


def stop_in_commit(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """SIGSTOP past the lease with the rows locked."""
    return _hold(storm, draw, lambda victim: _stop(storm, victim)), True


def terminate(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """SIGTERM."""
    return _signal(storm, draw, signal.SIGTERM), True


def without_data(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """A worker that has not the data set."""
    return [storm.start(fault="data")], True


def broken_device(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """A worker whose device always fails."""
    return [storm.start(fault="device")], True


def disk_full(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """The database's disk is full for a while; the spool takes what is finished."""
    _fill(storm, seconds=0.6)
    return storm.healthy(), False


def disk_and_spool_full(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """The database's disk and the spool are full for a while: results wait in memory."""
    flag = storm.folder / SPOOL_FULL
    flag.touch()
    storm.later(0.6, lambda: flag.unlink(missing_ok=True))
    _fill(storm, seconds=0.6)
    return storm.healthy(), False


def cut_one(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """pg_terminate_backend of the two connections of one worker."""
    victim = draw.choice(storm.healthy())
    storm.administer(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like :name",
        name=f"%-{victim.pid}-%",
    )
    return [victim], False


def cut_all(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """pg_terminate_backend of every connection to the database."""
    storm.administer(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = :name and pid <> pg_backend_pid()",
        name=storm.database,
    )
    return storm.healthy(), False


def restart(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """The server is stopped in the middle of everything (immediate) and started again."""
    victims = storm.healthy()
    storm.restart()
    return victims, False


def fall_silent(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """Connections that stay open and answer nothing, of the workers behind the proxy."""
    victims = [member for member in storm.healthy() if member.behind_proxy]
    storm.proxy.silence()
    return victims, False


def exhaust_connections(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """Every connection of the server is taken for a while, and one worker's are cut."""
    victim = draw.choice(storm.healthy())
    # The first of them cuts the victim off: later there is none to be had.
    first = once_it_answers(lambda: psycopg.connect(storm.plain_url, connect_timeout=5, autocommit=True))
    taken = [first]
    try:
        while len(taken) < 200:
            taken.append(psycopg.connect(storm.plain_url, connect_timeout=2))
    except psycopg.OperationalError:
        pass
    named = f"%-{victim.pid}-%"
    first.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name like %s", (named,))

    def give_back() -> None:
        for connection in taken:
            connection.close()

    storm.later(0.6, give_back)
    return [victim], False


def hold_a_snapshot(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """A reader holds one snapshot for a while, in the middle of a transaction."""
    connection = once_it_answers(storm.engine.connect)
    if storm.kind == "postgresql":
        connection.execution_options(isolation_level="REPEATABLE READ")
    transaction = connection.begin()
    connection.exec_driver_sql("select count(*) from jobs").all()

    def end() -> None:
        try:
            transaction.rollback()
            connection.close()
        except sa.exc.DBAPIError:  # the server was restarted meanwhile
            connection.invalidate()

    storm.later(2.0, end)
    return storm.healthy(), False


def write_beside(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """Another writer keeps the database's write lock for a while."""
    connection = once_it_answers(storm.engine.connect).execution_options(writes=True)
    transaction = connection.begin()
    connection.exec_driver_sql("update sweeps set description = 'written beside'")

    def end() -> None:
        transaction.commit()
        connection.close()

    storm.later(draw.uniform(0.3, 1.0), end)
    return storm.healthy(), False


def set_clock_forward(storm: Storm, draw: random.Random) -> tuple[Sequence[Member], bool]:
    """The host's clock jumps an hour ahead: every lease has lapsed."""
    path = storm.folder / CLOCK
    (offset,) = struct.unpack("d", path.read_bytes()) if path.exists() else (0.0,)
    part = path.with_suffix(".part")
    part.write_bytes(struct.pack("d", offset + 3600))
    part.rename(path)
    return storm.healthy(), False


EVERYWHERE: dict[str, Inject] = {
    "SIGKILL": kill,
    "three SIGKILLs in a lease": kill_repeatedly,
    "SIGKILL between fence and COMMIT": kill_in_commit,
    "SIGSTOP past the lease": stop,
    "SIGSTOP between fence and COMMIT": stop_in_commit,
    "SIGTERM": terminate,
    "worker without its data set": without_data,
    "worker with a broken device": broken_device,
    "database disk full": disk_full,
    "database disk and spool full": disk_and_spool_full,
    "reader holds a snapshot": hold_a_snapshot,
}
FAULTS: dict[str, dict[str, Inject]] = {
    "postgresql": EVERYWHERE
    | {
        "one worker's backends killed": cut_one,
        "every backend killed": cut_all,
        "proxy silent, half open": fall_silent,
        "connections exhausted": exhaust_connections,
    },
    "sqlite": EVERYWHERE | {"another writer": write_beside, "clock an hour ahead": set_clock_forward},
}
RESTART = "server restart, immediate"


def _signal(storm: Storm, draw: random.Random, number: int) -> list[Member]:
    victim = draw.choice(storm.healthy())
    os.kill(victim.pid, number)
    victim.doomed = True
    return [victim]


def _stop(storm: Storm, victim: Member) -> None:
    victim.stop()
    storm.later(LONGER_THAN_A_LEASE * storm.lease_seconds, victim.wake)


def _hold(storm: Storm, draw: random.Random, strike: Callable[[Member], None]) -> list[Member]:
    """Strike a worker once it sleeps between its fence and its COMMIT."""
    victim = draw.choice(storm.healthy())
    armed, held = (storm.folder / f"{name}-{victim.pid}" for name in ("hold", "held"))
    armed.touch()
    deadline = time.monotonic() + 3.0
    while not held.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    armed.unlink(missing_ok=True)
    strike(victim)
    held.unlink(missing_ok=True)
    return [victim]


def _fill(storm: Storm, *, seconds: float) -> None:
    flag = storm.folder / DISK_FULL
    flag.touch()
    if storm.kind == "postgresql":
        once_it_answers(lambda: execute(storm.engine, "insert into disk_full values (1)"))

    def empty() -> None:
        flag.unlink(missing_ok=True)
        if storm.kind == "postgresql":
            once_it_answers(lambda: execute(storm.engine, "delete from disk_full"))

    storm.later(seconds, empty)


def make_disk(engine: sa.Engine) -> None:
    """Let PostgreSQL refuse every result with "disk full" while the table disk_full has a row."""
    execute(engine, "create table disk_full (yes integer)")
    execute(
        engine,
        "create function refuse() returns trigger language plpgsql as $$ begin if exists (select from disk_full)"
        " then raise exception 'no space left' using errcode = '53100'; end if; return new; end $$",
    )
    execute(engine, "create trigger refuse before insert on model_metrics for each row execute function refuse()")
    assert query(engine, "select count(*) from disk_full") == [(0,)]
