"""The queue: who trains what. One door to the functions of design.md 6, the same on SQLite and PostgreSQL.

Promises, each a test in `tests/conformance`: while a lease runs no other worker gets the job; attempts count when
they are claimed; every write of a worker is fenced by (model_id, attempt) and the state; all moments are the
database's; what is refused changes nothing. Each method is one transaction, repeated whole where the database asks
for it (`transactions.py`); on PostgreSQL one way to the server where it is one statement (`database/at_once.py`).
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from sensdb.database.at_once import Executor
from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.spec import TrainingSpec
from sensdb.jobs import claiming, control, ending, enqueuing, listing, workers
from sensdb.jobs.claiming import Only
from sensdb.jobs.control import Selection
from sensdb.jobs.reader import Names, QueueReader
from sensdb.jobs.records import (
    Beat,
    Cancelled,
    Enqueued,
    Job,
    Pair,
    Reaped,
    Remeasured,
    SweepRecord,
    WorkerRecord,
)
from sensdb.jobs.states import sources
from sensdb.jobs.transactions import CommitUnknown, transact, transact_at_once
from sensdb.jobs.unanswered import Unanswered

__all__ = ["Job", "Pair", "Queue", "SweepRecord", "WorkerRecord"]

ENDED = "its process has ended"
T = TypeVar("T")


class Queue(QueueReader):
    """The queue of one database. Methods take lists and return what was accepted; a lost race is never an error.

    Args:
        engine: of `sensdb.database.engine.open_engine`; one connection is enough.
        draw: for the jitter of backoffs; seeded in tests.
        answer_seconds: after which a server that does not answer a write is given up, as `transact` says.

    Raises, from every method: DatabaseError where the database is away, full or locked for too long. Nothing is half
    done then, and the call can be repeated.
    """

    def __init__(
        self, engine: sa.Engine, draw: random.Random | None = None, *, answer_seconds: float | None = None
    ) -> None:
        super().__init__(engine)
        self._answer_seconds = answer_seconds
        self._draw = draw or random.Random()
        self._unanswered = Unanswered(self._read)

    def enqueue(
        self,
        specs: Sequence[TrainingSpec],
        *,
        sweep: SweepRecord,
        measure: MeasureSettings | Sequence[MeasureSettings],
        infos: Mapping[str, DatasetInfo],
        npz_paths: Mapping[str, Path] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Enqueued:
        """Put specs into the queue under a sweep, each once however often and by however many it is enqueued.

        A spec that has a model joins the sweep: its job takes the larger priority and the union of what is to be
        measured. A done one is queued only if it is to be measured further and its weights are kept; a dead or
        cancelled one is left to `retry`. Specs go in by parts of 2,000, so after a kill in the middle the same call
        completes the rest.

        Args:
            measure: for all specs, or one for each.
            infos: the data sets of the specs, by name.
            npz_paths: where the files of `npz:` data sets lie.
            progress: called with the number of specs done after each part.

        Raises:
            QueueError: the sweep was deleted in the meantime.
        """
        wanted = self._wanted(specs, measure)
        sweep_id = self._write(
            lambda connection: enqueuing.open_sweep(
                connection, self.dialect, sweep, len(wanted), list(infos.values()), npz_paths or {}
            )
        )
        total = Enqueued()
        for ready in enqueuing.ready_ahead(self.engine, self.dialect, wanted, infos):
            total += self._enqueue_ready(sweep_id, ready, infos)
            if progress is not None:
                progress(total.n_specs)
        n_earlier = self._read(lambda connection: enqueuing.count_earlier(connection, sweep_id, len(wanted)))
        return total + Enqueued(n_earlier=n_earlier)

    def preview(
        self,
        specs: Sequence[TrainingSpec],
        *,
        sweep: str | None = None,
        measure: MeasureSettings | Sequence[MeasureSettings],
    ) -> Enqueued:
        """What `enqueue` would count, without writing anything; n_held and n_earlier stay 0 for a new sweep."""
        wanted = self._wanted(specs, measure)

        def count(connection: sa.Connection) -> Enqueued:
            known = {str(row["sweep"]): row for row in listing.list_progress(connection)}
            row = known.get(sweep) if sweep is not None else None
            sweep_id = None if row is None else int(str(row["sweep_id"]))
            parts = (
                enqueuing.preview_batch(connection, self.dialect, sweep_id, batch)
                for batch in enqueuing.batches(wanted)
            )
            total = reduce(add, parts, Enqueued())
            if row is None or sweep_id is None:
                return total
            n_in_sweep = total.n_specs - total.n_new - total.n_joined
            n_earlier = enqueuing.count_earlier(connection, sweep_id, n_in_sweep)
            return total + Enqueued(n_earlier=n_earlier, n_held=total.n_new if row["paused"] else 0)

        return self._read(count)

    def register_worker(self, worker: WorkerRecord) -> None:
        """Note a worker at its start; its id must be new, never that of an earlier start."""
        self._write(lambda connection: workers.register(connection, worker))

    def stop_worker(self, worker_id: str, *, models_done: int | None = None) -> None:
        """Note that a worker has stopped in good order."""
        self._write(lambda connection: workers.stop(connection, self.dialect, worker_id, models_done))

    def claim(
        self,
        worker_id: str,
        limit: int,
        *,
        skip: Collection[str] = frozenset(),
        sweep_id: int | None = None,
        model_id: int | None = None,
        pack_key: str | None = None,
    ) -> list[Job]:
        """Up to `limit` jobs, all of one pack_key, that are this worker's alone until their lease ends.

        Higher priority first, then the older model. Each loss of a job's worker divides the claim by 8, and jobs of
        equal losses are claimed together: one that kills its process ends up alone.

        Args:
            limit: what the worker can train at once, at least 1.
            skip: pack keys this worker cannot train.
            sweep_id: jobs of this sweep alone. model_id: this model's job alone.
            pack_key: jobs that may join a running pack of this key; none while one of a higher priority waits.

        Returns:
            The jobs by model_id; none where nothing is due or others are claiming each due job just now.
        """
        only = Only(frozenset(skip), sweep_id, model_id, pack_key)
        if found := self._unanswered.found(worker_id):
            return found
        if self.dialect.probes_before_claim and not self._read(
            lambda connection: connection.execute(
                sa.text(claiming.probe_sql(self.dialect, only)), only.values()
            ).first()
        ):
            return []
        lease_seconds = self.settings.lease_seconds
        try:
            jobs = self._write_at_once(
                lambda connection: claiming.claim_jobs(
                    connection, self.dialect, worker_id, limit, lease_seconds=lease_seconds, only=only
                )
            )
        except CommitUnknown:
            return self._unanswered.lost(worker_id)
        return self._unanswered.note(worker_id, jobs)

    def beat(
        self, worker_id: str, *, models_done: int | None = None, model_steps_per_second: float | None = None
    ) -> list[Beat]:
        """Renew the leases of all jobs of a worker and say how they stand, cancel requests among it.

        What the worker holds and the answer does not name is another's, or has ended.
        """
        lease_seconds = self.settings.lease_seconds
        return self._write_at_once(
            lambda connection: claiming.beat(
                connection,
                self.dialect,
                worker_id,
                lease_seconds=lease_seconds,
                models_done=models_done,
                model_steps_per_second=model_steps_per_second,
            )
        )

    def close(self, connection: Executor, pairs: Sequence[Pair]) -> dict[Pair, str]:
        """The fence of a finish: end attempts as done, inside the transaction that then stores their results.

        Returns:
            (model_id, attempt) -> kind (train or measure) of those that were still the caller's; only their results
            may be stored. The others were reaped, have ended, or run elsewhere under a later attempt.
        """
        return ending.finish(connection, self.dialect, pairs)

    def adopt(self, connection: sa.Connection, wanted: Mapping[Pair, str | None]) -> dict[Pair, str]:
        """The fence of results that were kept on disk while their attempts were lost, inside the caller's transaction.

        An attempt that was reaped but not followed by another ends as done after all, be the job queued again or dead.

        Args:
            wanted: (model_id, attempt) -> what the result measures (canonical), None where that is not known. A job
                that is to be measured further by now is not adopted, or what was asked for meanwhile would be missing.

        Returns:
            As `close`.
        """
        return ending.adopt(connection, self.dialect, wanted)

    def fail(
        self, pairs: Sequence[Pair], error_type: str, error_message: str, traceback: str, *, permanent: bool = False
    ) -> list[Pair]:
        """End attempts in an exception of the trainer: queued again after a backoff, or dead.

        The backoff is drawn evenly from 0 to 30 s, 120 s, ... (an hour at most) by the number of exceptions before.

        Args:
            permanent: it would fail anywhere (an impossible size): dead at once, whatever is left of the budget.

        Returns:
            The pairs that were still the caller's.
        """
        budget = self.settings.exception_budget
        share = self._draw.random()
        return self._write_at_once(
            lambda connection: ending.fail(
                connection,
                self.dialect,
                pairs,
                (error_type, error_message, traceback),
                permanent=permanent,
                exception_budget=budget,
                backoff_share=share,
            )
        )

    def release(self, pairs: Sequence[Pair]) -> list[Pair]:
        """Give jobs back uncharged, at once and at their old place; a cancelled one ends by it."""
        return self._write_at_once(lambda connection: ending.release(connection, self.dialect, pairs))

    def reap(self) -> list[Reaped]:
        """Take back the jobs whose lease is past, 1,000 at most; any worker may call it.

        On PostgreSQL transactions that their workers have left open for longer than a lease are ended first.
        """
        settings = self.settings
        return self._write(lambda connection: ending.reap(connection, self.dialect, settings))

    def reap_dead_processes(
        self, boot_id: str | None, alive: Callable[[int], bool], *, host: str | None = None, how: str = ENDED
    ) -> list[Reaped]:
        """Take back at once the jobs of processes of this host, since its last boot, that are no more.

        Args:
            boot_id: as the workers of this boot registered it.
            alive: whether a process number is in use on this host.
            host, how: as they registered it, None for this host's name; what is noted on the attempts.
        """
        name = host or socket.gethostname()
        known = self._read_at_once(lambda connection: listing.unstopped_workers(connection, name, boot_id))
        dead = [worker_id for worker_id, pid in known if not alive(pid)]
        if not dead:
            return []
        settings = self.settings
        return self._write(lambda connection: ending.reap(connection, self.dialect, settings, dead, how))

    def cancel(self, *, sweep: Names | None = None, model_ids: Sequence[int] | None = None) -> Cancelled:
        """End queued jobs at once and running ones with the next beat; a finish that comes first wins.

        Args:
            sweep: cancel the models of these sweeps, but for those that another sweep, which is not paused, wants.
            model_ids: cancel these, whatever sweeps they belong to.

        Raises:
            NothingMatched: there is no such sweep.
        """
        selection = self._selection(sweep, model_ids)
        return self._write(lambda connection: control.cancel(connection, self.dialect, selection))

    def retry(
        self,
        *,
        sweep: Names | None = None,
        model_ids: Sequence[int] | None = None,
        states: Sequence[str] = sources("retry"),
        retrain: bool = False,
    ) -> int:
        """Queue dead and cancelled jobs again, both budgets fresh, the attempt's number kept; returns their number.

        Args:
            states: dead, cancelled or both.
            retrain: instead, train done models once more (not imported ones); a result stays until it is replaced.

        Raises:
            NothingMatched: there is no such sweep.
            UsageError: another state is named.
        """
        selection = self._selection(sweep, model_ids)
        if retrain:
            return self._write(lambda connection: control.retrain(connection, self.dialect, selection))
        return self._write(lambda connection: control.retry(connection, self.dialect, selection, states))

    def measure(
        self,
        *,
        sweep: Names | None = None,
        model_ids: Sequence[int] | None = None,
        settings: MeasureSettings | None = None,
    ) -> Remeasured:
        """Queue done models for measuring their stored weights again, as before or with `settings` added.

        Raises:
            NothingMatched: there is no such sweep.
        """
        selection = self._selection(sweep, model_ids)
        return self._write(lambda connection: control.measure(connection, self.dialect, selection, settings))

    def pause(self, sweep: Names) -> int:
        """Hand out no more jobs that belong to paused sweeps alone; running ones go on. Returns jobs newly held.

        Raises:
            NothingMatched: there is no such sweep.
        """
        sweep_ids = self.sweep_ids(sweep)
        return self._write(lambda connection: control.set_paused(connection, self.dialect, sweep_ids, True))

    def resume(self, sweep: Names) -> int:
        """The opposite of `pause`; returns jobs no longer held.

        Raises:
            NothingMatched: there is no such sweep.
        """
        sweep_ids = self.sweep_ids(sweep)
        return self._write(lambda connection: control.set_paused(connection, self.dialect, sweep_ids, False))

    def prioritise(self, sweep: Names, priority: int) -> int:
        """Set the priority of sweeps; a job has the largest of its sweeps'. Returns jobs whose priority changed.

        Raises:
            NothingMatched: there is no such sweep.
        """
        sweep_ids = self.sweep_ids(sweep)
        return self._write(lambda connection: control.prioritise(connection, self.dialect, sweep_ids, priority))

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        return transact(self.engine, work, answer_seconds=self._answer_seconds)

    def _write_at_once(self, work: Callable[[Executor], T]) -> T:
        return transact_at_once(self.engine, work, answer_seconds=self._answer_seconds)

    def _enqueue_ready(self, sweep_id: int, ready: enqueuing.Ready, infos: Mapping[str, DatasetInfo]) -> Enqueued:
        return self._write(lambda connection: enqueuing.enqueue_batch(connection, self.dialect, sweep_id, ready, infos))

    def _wanted(
        self, specs: Sequence[TrainingSpec], measure: MeasureSettings | Sequence[MeasureSettings]
    ) -> list[enqueuing.Wanted]:
        measures = [measure] * len(specs) if isinstance(measure, MeasureSettings) else measure
        return enqueuing.distinct(specs, measures)

    def _selection(self, sweep: Names | None, model_ids: Sequence[int] | None) -> Selection:
        if (sweep is None) == (model_ids is None):
            raise ValueError("give either sweeps or model_ids.")
        if model_ids is not None:
            return Selection(model_ids=tuple(model_ids))
        assert sweep is not None
        return Selection(sweep_ids=tuple(self.sweep_ids(sweep)))
