"""Delete sweeps and models with all that hangs on them: results, jobs, attempts, files.

Rows go in a transaction and files after it: after a kill in between, files are left that nothing names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from sensdb.errors import NothingMatched, QueueError
from sensdb.jobs.control import Selection, end_open
from sensdb.jobs.dialects import rows_json
from sensdb.jobs.queue import Queue
from sensdb.jobs.transactions import transact
from sensdb.results.artifacts import ArtifactStore

MODELS_AT_ONCE = 100
SECONDS_A_STATEMENT = 300

# Everything that names a model, in an order the foreign keys allow.
_TABLES = (
    "region_slices",
    "artifacts",
    "trajectory_metrics",
    "point_metrics",
    "model_metrics",
    "attempts",
    "jobs",
    "sweep_models",
    "models",
)


@dataclass(frozen=True)
class Deleted:
    """What was deleted.

    n_kept: models of the sweeps that stay, because another sweep holds them.
    artifact_uris: files that nothing in the database names any more.
    files_left: those of them that could not be removed, each with the reason.
    """

    n_sweeps: int = 0
    n_models: int = 0
    n_results: int = 0
    n_points: int = 0
    n_kept: int = 0
    artifact_uris: tuple[str, ...] = ()
    files_left: tuple[str, ...] = ()


def delete_sweeps(
    queue: Queue,
    names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    *,
    artifacts: ArtifactStore | None = None,
) -> Deleted:
    """Delete sweeps, and the models that no other sweep holds.

    By parts of 100 models, each a transaction, so that no writer waits for long; the sweeps themselves go last. After
    a kill in the middle each model is there whole or not at all, and the same call deletes the rest.

    Args:
        progress: called with the number of models deleted after each part.
        artifacts: where the models' files lie; None leaves the files there.

    Raises:
        NothingMatched: there is no such sweep.
        QueueError: models of theirs are running, with their number. Nothing is deleted then.
    """
    sweep_ids = queue.sweep_ids(list(dict.fromkeys(names)))
    selection = Selection(sweep_ids=tuple(sweep_ids))
    alone = (
        f"{selection.sql(queue.dialect)} and not exists (select 1 from sweep_models o"
        f" where o.model_id = jobs.model_id and o.sweep_id not in ({queue.dialect.records('selected', key='bigint')}))"
    )
    what = f"sweep '{names[0]}'" if len(sweep_ids) == 1 else f"these {len(sweep_ids)} sweeps"
    deletion = _Deletion(queue, alone, selection.values(), what, progress, artifacts)
    deletion.models()
    n_kept = deletion.sweeps(sweep_ids)
    return deletion.deleted(n_sweeps=len(sweep_ids), n_kept=n_kept)


def delete_models(
    queue: Queue,
    model_ids: Sequence[int],
    progress: Callable[[int], None] | None = None,
    *,
    artifacts: ArtifactStore | None = None,
) -> Deleted:
    """Delete models, whatever sweeps hold them; the sweeps stay. Arguments as those of `delete_sweeps`.

    Raises:
        NothingMatched: none of the models exists.
        QueueError: some of them are running, with their number. Nothing is deleted then.
    """
    selection = Selection(model_ids=tuple(model_ids))
    condition = selection.sql(queue.dialect)
    deletion = _Deletion(queue, condition, selection.values(), "those to delete", progress, artifacts)
    deletion.models()
    if not deletion.n_models:
        raise NothingMatched("none of these models exists.", "sensdb jobs lists models with their numbers.")
    return deletion.deleted()


class _Deletion:
    """One request, transaction by transaction.

    Args:
        condition: SQL over `jobs`, which models go; it binds `values`.
        what: how an error calls them.
    """

    def __init__(
        self,
        queue: Queue,
        condition: str,
        values: Mapping[str, object],
        what: str,
        progress: Callable[[int], None] | None,
        artifacts: ArtifactStore | None,
    ) -> None:
        self._queue = queue
        self._dialect = queue.dialect
        self._condition = condition
        self._values = values
        self._what = what
        self._progress = progress
        self._artifacts = artifacts
        self._counts = dict.fromkeys(_TABLES, 0)
        self._uris: list[str] = []
        self._files_left: list[str] = []

    @property
    def n_models(self) -> int:
        """Models deleted so far."""
        return self._counts["models"]

    def deleted(self, *, n_sweeps: int = 0, n_kept: int = 0) -> Deleted:
        """What was deleted so far."""
        return Deleted(
            n_sweeps=n_sweeps,
            n_models=self.n_models,
            n_results=self._counts["model_metrics"],
            n_points=self._counts["point_metrics"],
            n_kept=n_kept,
            artifact_uris=tuple(self._uris),
            files_left=tuple(self._files_left),
        )

    def models(self) -> None:
        """Delete the models; none if any is running."""
        self._transact(self._close)
        after, n_running = 0, 0
        while True:
            part: _Part | None = self._transact(partial(self._part, after=after))
            if part is None:
                break
            after = part.last
            n_running += part.n_running
            self._uris += part.uris
            if self._artifacts is not None:
                self._files_left += self._artifacts.remove(part.uris)
            for table, n_rows in part.counts.items():
                self._counts[table] += n_rows
            if self._progress is not None:
                self._progress(self.n_models)
        if n_running:
            raise self._running(n_running)

    def sweeps(self, sweep_ids: Sequence[int]) -> int:
        """Delete the sweeps, now that no model is theirs alone; returns the models that stay with others."""

        def work(connection: sa.Connection) -> int | None:
            given = self._dialect.records("sweeps", key="bigint")
            sweeps = {"sweeps": rows_json([key] for key in sweep_ids)}
            # An enqueue into these sweeps waits for this, and finds them gone.
            connection.execute(
                sa.text(f"select sweep_id from sweeps where sweep_id in ({given}) {self._dialect.lock}"), sweeps
            ).all()
            if connection.execute(sa.text(f"select 1 from jobs where {self._condition} limit 1"), self._values).first():
                return None
            members = connection.execute(sa.text(f"delete from sweep_models where sweep_id in ({given})"), sweeps)
            for table in ("sweep_definitions", "sweeps"):
                connection.execute(sa.text(f"delete from {table} where sweep_id in ({given})"), sweeps)
            return int(members.rowcount)

        n_kept: int | None = self._transact(work)
        while n_kept is None:
            # Somebody enqueued into a sweep in the meantime.
            self.models()
            n_kept = self._transact(work)
        return n_kept

    def _close(self, connection: sa.Connection) -> None:
        """End what is queued, so that no worker claims what is about to go; refuse if one already has."""
        ended = end_open(connection, self._dialect, self._condition, self._values)
        n_running = list(ended.values()).count("running")
        if n_running:
            raise self._running(n_running)

    def _part(self, connection: sa.Connection, after: int) -> _Part | None:
        """Delete up to MODELS_AT_ONCE models beyond `after`; None where there is none."""
        found = self._select(connection, f"{self._condition} and jobs.model_id > :after", after=after)
        if not found:
            return None
        ids = self._ids(found)
        # Models before jobs, as an enqueue locks them: who puts one into another sweep goes first, or finds it gone.
        connection.execute(
            sa.text(f"select model_id from models where {self._among} order by model_id {self._dialect.lock}"), ids
        ).all()
        rows = connection.execute(
            sa.text(
                f"select model_id, state from jobs where jobs.{self._among} and {self._condition}"
                f" order by model_id {self._dialect.lock}"
            ),
            {**self._values, **ids},
        ).all()
        gone = [row.model_id for row in rows if row.state != "running"]
        named = sa.text(f"select distinct uri from artifacts where {self._among} order by uri")
        uris = list(connection.execute(named, self._ids(gone)).scalars().all())
        counts = {
            table: int(
                connection.execute(sa.text(f"delete from {table} where {self._among}"), self._ids(gone)).rowcount
            )
            for table in _TABLES
        }
        return _Part(found[-1], len(rows) - len(gone), counts, self._unnamed(connection, uris))

    def _unnamed(self, connection: sa.Connection, uris: Sequence[str]) -> list[str]:
        """Those of the files that no row names any more: two models that are equal can share a file of pictures."""
        given = self._dialect.records("uris", uri="text")
        still_named = sa.text(f"select uri from artifacts where uri in ({given})")
        named = connection.execute(still_named, {"uris": rows_json([uri] for uri in uris)}).scalars().all()
        return sorted(set(uris) - set(named))

    def _select(self, connection: sa.Connection, condition: str, **values: object) -> Sequence[int]:
        rows = connection.execute(
            sa.text(f"select model_id from jobs where {condition} order by model_id limit {MODELS_AT_ONCE}"),
            {**self._values, **values},
        )
        return rows.scalars().all()

    @property
    def _among(self) -> str:
        return f"model_id in ({self._dialect.records('ids', model_id='bigint')})"

    def _ids(self, model_ids: Sequence[int]) -> dict[str, object]:
        return {"ids": rows_json([model_id] for model_id in model_ids)}

    def _running(self, n_running: int) -> QueueError:
        models = "1 model" if n_running == 1 else f"{n_running} models"
        verb = "is" if n_running == 1 else "are"
        done = f"; {self.n_models} others were deleted" if self.n_models else "; nothing was deleted"
        return QueueError(
            f"{models} of {self._what} {verb} running{done}.", "sensdb cancel ends them with their workers' next beat."
        )

    def _transact(self, work: Callable[[sa.Connection], Any]) -> Any:
        return transact(self._queue.engine, work, statement_seconds=SECONDS_A_STATEMENT)


@dataclass(frozen=True)
class _Part:
    """One transaction's deletions: the last model looked at, those running, rows by table, files."""

    last: int
    n_running: int
    counts: Mapping[str, int]
    uris: Sequence[str]
