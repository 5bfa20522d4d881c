"""What can be asked of a queue without changing it: settings, sweeps, jobs, workers, counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import TypeVar

import sqlalchemy as sa

from sensdb.database.at_once import Executor
from sensdb.jobs import ending, listing
from sensdb.jobs.dialects import dialect_of
from sensdb.jobs.records import Pair, QueueSettings
from sensdb.jobs.transactions import inspect, inspect_at_once

Names = str | Sequence[str]

T = TypeVar("T")


class QueueReader:
    """The reading half of `Queue`: takes no write lock and holds no snapshot for longer than one answer.

    Args:
        engine: of `sensdb.database.engine.open_engine`, read-only or not; one connection is enough.

    Raises, from every method: DatabaseError where the database is away.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.dialect = dialect_of(engine)

    @cached_property
    def settings(self) -> QueueSettings:
        """What all workers must agree on; read from the database once."""
        return self._read(listing.read_settings)

    @cached_property
    def identity(self) -> str:
        """The random UUID that tells this database from every other; its files lie under this name."""
        query = sa.text("select identity from database_identity")
        return self._read(lambda connection: str(connection.execute(query).scalar_one()))

    def sweep_id(self, name: str) -> int:
        """The key of a sweep.

        Raises:
            NothingMatched: there is none of this name; with the nearest that exists.
        """
        return self.sweep_ids(name)[0]

    def sweep_ids(self, names: Names) -> list[int]:
        """The keys of sweeps; raises as `sweep_id` does."""
        listed = [names] if isinstance(names, str) else list(names)
        return self._read(lambda connection: listing.find_sweeps(connection, listed))

    def dataset_path(self, name: str) -> str | None:
        """Where the file of an `npz:` data set lay when it was last enqueued; None if nobody said."""
        return self._read(
            lambda connection: connection.execute(
                sa.text("select last_path from datasets where dataset = :name"), {"name": name}
            ).scalar()
        )

    def list_jobs(
        self, states: Collection[str] = (), sweep: str | None = None, limit: int | None = None
    ) -> list[dict[str, object]]:
        """Jobs by model_id: the columns of v_jobs, and of the last attempt traceback, last_worker_id and host.

        Raises:
            NothingMatched: there is no such sweep.
        """
        sweep_id = None if sweep is None else self.sweep_id(sweep)
        return self._read(lambda connection: listing.list_jobs(connection, states, sweep_id, limit))

    def progress(self) -> list[dict[str, object]]:
        """How far each sweep is: the rows of v_sweep_progress, by name."""
        return self._read(listing.list_progress)

    def workers(self, *, stopped: bool = False) -> list[dict[str, object]]:
        """Workers, the one heard from last first: the columns of v_workers, and

        condition: running, stopped, or lost (not heard from for a lease); silent_seconds since its last beat.

        Args:
            stopped: those that stopped in good order too.
        """
        lease_seconds = self.settings.lease_seconds
        return self._read(
            lambda connection: listing.list_workers(connection, self.dialect, lease_seconds, stopped=stopped)
        )

    def busy(self, sweep_id: int | None = None, skip: Collection[str] = frozenset()) -> int:
        """Jobs that this worker may yet get: queued, or running and perhaps coming back. Paused ones do not count."""
        return self._read_at_once(lambda connection: listing.count_unfinished(connection, self.dialect, sweep_id, skip))

    def count_unfinished(self, sweep_id: int | None = None) -> int:
        """Jobs queued or running, those of paused sweeps left out."""
        return self.busy(sweep_id)

    def fair_share(self, sweep_id: int | None = None, *, at_most: int) -> int:
        """An even share, rounded up, of the jobs queued or running, among the workers heard from within a lease.

        Those of paused sweeps are left out, and no more are counted than `at_most` a worker, so that it costs no
        more; 0 only where nothing is queued or running.
        """
        lease_seconds = self.settings.lease_seconds
        return self._read_at_once(
            lambda connection: listing.fair_share(connection, self.dialect, sweep_id, at_most, lease_seconds)
        )

    def attempt_outcome(self, pairs: Sequence[Pair]) -> dict[Pair, str | None]:
        """How attempts ended: done, failed, released, lost, or None while they run; unknown ones are left out."""
        return self._read(lambda connection: ending.attempt_outcome(connection, self.dialect, pairs))

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        return inspect(self.engine, work)

    def _read_at_once(self, work: Callable[[Executor], T]) -> T:
        return inspect_at_once(self.engine, work)
