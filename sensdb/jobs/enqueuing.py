"""Enqueue: specs become models and jobs, each once, whoever else enqueues the same at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from sensdb.database.schema import models
from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.measure import MeasureSettings, union
from sensdb.definitions.spec import Spec
from sensdb.definitions.stored import first_job, model_columns
from sensdb.errors import QueueError
from sensdb.jobs.control import HAS_WEIGHTS, Selection, queue_measuring, refresh
from sensdb.jobs.dialects import Dialect, rows_json
from sensdb.jobs.records import Enqueued, SweepRecord
from sensdb.jobs.states import in_states, sources
from sensdb.jobs.transactions import Repeat
from sensdb.jobs.updates import HELD, PRIORITY

BATCH = 2000

# States in which a job has yet to be measured, so that a further demand is simply added to it.
UNMEASURED = tuple(state for state in sources("join") if state != "running")


@dataclass(frozen=True)
class Wanted:
    """One spec to enqueue, and how it is to be measured."""

    spec: Spec
    measure: MeasureSettings


@dataclass(frozen=True)
class Existing:
    """The job of a spec that has one already."""

    model_id: int
    state: str
    measure: MeasureSettings
    has_weights: bool


def distinct(specs: Sequence[Spec], measures: Sequence[MeasureSettings]) -> list[Wanted]:
    """Specs without repetitions, in the order of their hashes; a repeated one is measured as all of them want it.

    The order is what keeps two enqueues of the same specs from deadlocking: both wait for each other's rows in the
    same order (measured: 31 failed batches shuffled, none sorted).
    """
    by_hash: dict[str, Wanted] = {}
    for spec, measure in zip(specs, measures, strict=True):
        earlier = by_hash.get(spec.spec_sha256)
        by_hash[spec.spec_sha256] = Wanted(spec, union(earlier.measure, measure) if earlier else measure)
    return [by_hash[key] for key in sorted(by_hash)]


def batches(wanted: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    """Parts that are enqueued in a transaction each, so that workers start on the first while the last is prepared."""
    for start in range(0, len(wanted), BATCH):
        yield wanted[start : start + BATCH]


@dataclass(frozen=True)
class Ready:
    """A batch to enqueue, and the insertion of its models."""

    batch: Sequence[Wanted]
    insert_models: Callable[[sa.Connection], None]


def make_ready(engine: sa.Engine, dialect: Dialect, batch: Sequence[Wanted], infos: Mapping[str, DatasetInfo]) -> Ready:
    """Lay out the rows of a batch's models, whose columns are what takes long; asks the database nothing."""
    rows = [model_columns(one.spec, infos[one.spec.dataset]) for one in batch]
    return Ready(batch, dialect.insertion(engine.dialect, models, rows, conflict="spec_sha256"))


def ready_ahead(
    engine: sa.Engine, dialect: Dialect, wanted: Sequence[Wanted], infos: Mapping[str, DatasetInfo]
) -> Iterator[Ready]:
    """The batches, each made ready in a thread while the server works on the one before."""
    waiting = batches(wanted)
    with ThreadPoolExecutor(1) as pool:

        def begin() -> list[Future[Ready]]:
            return [pool.submit(make_ready, engine, dialect, batch, infos) for batch in islice(waiting, 1)]

        coming = begin()
        while coming:
            made = coming[0].result()
            coming = begin()
            yield made


def open_sweep(
    connection: sa.Connection,
    dialect: Dialect,
    sweep: SweepRecord,
    n_models: int,
    infos: Sequence[DatasetInfo],
    npz_paths: Mapping[str, Path],
) -> int:
    """Create the sweep or take up the one of this name, keep its text, note its data sets; returns sweep_id.

    Enqueuing never lowers a priority that was raised: that is what `prioritise` is for.
    """
    connection.execute(
        sa.text(
            "insert into sweeps (name, description, priority) values (:name, :description, :priority)"
            " on conflict (name) do nothing"
        ),
        {"name": sweep.name, "description": sweep.description, "priority": sweep.priority},
    )
    row = connection.execute(
        sa.text(f"select sweep_id, priority from sweeps where name = :name {dialect.lock}"), {"name": sweep.name}
    ).one_or_none()
    if row is None:
        raise Repeat("the sweep was deleted while it was enqueued")
    sweep_id = int(row.sweep_id)
    connection.execute(
        sa.text("update sweeps set description = :description, priority = :priority where sweep_id = :sweep_id"),
        {
            "sweep_id": sweep_id,
            "description": sweep.description,
            "priority": max(row.priority, sweep.priority),
        },
    )
    if sweep.priority > row.priority:
        refresh(connection, dialect, Selection(sweep_ids=(sweep_id,)), "priority", PRIORITY)
    connection.execute(
        sa.text(
            "insert into sweep_definitions (sweep_id, definition_sha256, definition, n_models)"
            " values (:sweep_id, :sha256, :definition, :n_models)"
            " on conflict (sweep_id, definition_sha256) do nothing"
        ),
        {
            "sweep_id": sweep_id,
            "sha256": sweep.definition_sha256,
            "definition": sweep.definition,
            "n_models": n_models,
        },
    )
    for info in sorted(infos, key=lambda info: info.name):
        note_dataset(connection, info, npz_paths.get(info.name))
    return sweep_id


def note_dataset(connection: sa.Connection, info: DatasetInfo, path: Path | None) -> None:
    """Note a data set's sizes, and where its file lies if that is known; a path known before is kept otherwise."""
    connection.execute(
        sa.text(
            "insert into datasets"
            " (dataset, name, last_path, n_train, n_test, height, width, channels, n_classes)"
            " values (:dataset, :name, :path, :n_train, :n_test, :height, :width, :channels, :n_classes)"
            " on conflict (dataset) do update set"
            " last_path = coalesce(excluded.last_path, datasets.last_path),"
            " name = case when excluded.last_path is null then datasets.name else excluded.name end"
        ),
        {
            "dataset": info.name,
            "name": info.name if path is None else path.stem,
            "path": None if path is None else str(path),
            "n_train": info.n_train,
            "n_test": info.n_test,
            "height": info.height,
            "width": info.width,
            "channels": info.channels,
            "n_classes": info.n_classes,
        },
    )


def enqueue_batch(
    connection: sa.Connection,
    dialect: Dialect,
    sweep_id: int,
    ready: Ready,
    infos: Mapping[str, DatasetInfo],
) -> Enqueued:
    """Enqueue one batch, sorted as `distinct` sorts it; doing it twice changes nothing the second time.

    Raises:
        QueueError: the sweep was deleted in the meantime.
    """
    paused, priority = _hold_sweep(connection, dialect, sweep_id)
    ready.insert_models(connection)
    wanted = _model_ids(connection, dialect, ready.batch)
    existing = _existing(connection, dialect, list(wanted), dialect.lock)
    joined = _join_sweep(connection, dialect, sweep_id, list(wanted))
    new = {model_id: one for model_id, one in wanted.items() if model_id not in existing}
    _insert_jobs(connection, dialect, new, infos, held=paused, priority=priority)
    if existing:
        _join_jobs(connection, dialect, existing, wanted)
    return replace(
        tally(existing, {model_id: one.measure for model_id, one in wanted.items()}),
        n_held=len(new) if paused else 0,
        n_joined=len(joined & existing.keys()),
    )


def preview_batch(
    connection: sa.Connection, dialect: Dialect, sweep_id: int | None, batch: Sequence[Wanted]
) -> Enqueued:
    """What `enqueue_batch` would count, without writing; sweep_id None for a sweep that does not exist yet."""
    hashes = {one.spec.spec_sha256: one for one in batch}
    rows = connection.execute(
        sa.text(
            "select m.model_id, m.spec_sha256, s.sweep_id is not null as in_sweep from models m"
            " left join sweep_models s on s.model_id = m.model_id and s.sweep_id = :sweep_id"
            f" where m.spec_sha256 in ({dialect.records('hashes', sha256='text')})"
        ),
        {"hashes": rows_json([key] for key in hashes), "sweep_id": sweep_id},
    ).all()
    existing = _existing(connection, dialect, [row.model_id for row in rows], "")
    wanted = {row.model_id: hashes[row.spec_sha256].measure for row in rows}
    n_without_model = len(batch) - len(rows)
    counted = tally(existing, wanted)
    return replace(
        counted,
        n_specs=len(batch),
        n_new=counted.n_new + n_without_model,
        n_joined=sum(not row.in_sweep for row in rows),
    )


def tally(existing: Mapping[int, Existing], wanted: Mapping[int, MeasureSettings]) -> Enqueued:
    """Count what becomes of specs, by model_id, whose jobs exist or do not."""
    states = [job.state for job in existing.values()]
    more = [job for job in existing.values() if asks_more(job.measure, wanted[job.model_id])]
    done_and_more = [job.has_weights for job in more if job.state == "done"]
    return Enqueued(
        n_specs=len(wanted),
        n_new=len(wanted) - len(existing),
        n_queued_already=states.count("queued") + states.count("running"),
        n_done_already=states.count("done"),
        n_dead=states.count("dead"),
        n_cancelled=states.count("cancelled"),
        n_measured_again=done_and_more.count(True),
        n_without_weights=done_and_more.count(False),
        n_running_with_less=sum(job.state == "running" for job in more),
    )


def asks_more(stored: MeasureSettings, wanted: MeasureSettings) -> bool:
    """Whether `wanted` measures something that `stored` does not; keeping weights is no measurement."""
    return replace(union(stored, wanted), keep_weights=stored.keep_weights) != stored


def count_earlier(connection: sa.Connection, sweep_id: int, n_wanted: int) -> int:
    """Models of a sweep beyond the `n_wanted` specs of its newest text, all of which it holds."""
    held = connection.execute(
        sa.text("select count(*) from sweep_models where sweep_id = :sweep_id"), {"sweep_id": sweep_id}
    )
    return int(held.scalar_one()) - n_wanted


def _hold_sweep(connection: sa.Connection, dialect: Dialect, sweep_id: int) -> tuple[bool, int]:
    """The sweep's hold and priority, which a pause beside this transaction may not change before it ends."""
    row = connection.execute(
        sa.text(f"select paused, priority from sweeps where sweep_id = :sweep_id {dialect.share}"),
        {"sweep_id": sweep_id},
    ).one_or_none()
    if row is None:
        raise QueueError("the sweep was deleted while its models were enqueued.", "enqueue it again.")
    return bool(row.paused), int(row.priority)


def _model_ids(connection: sa.Connection, dialect: Dialect, batch: Sequence[Wanted]) -> dict[int, Wanted]:
    hashes = {one.spec.spec_sha256: one for one in batch}
    rows = connection.execute(
        sa.text(
            "select model_id, spec_sha256 from models"
            f" where spec_sha256 in ({dialect.records('hashes', sha256='text')}) {dialect.share}"
        ),
        {"hashes": rows_json([key] for key in hashes)},
    ).all()
    if len(rows) < len(hashes):
        raise Repeat("models were deleted while they were enqueued")
    return {row.model_id: hashes[row.spec_sha256] for row in rows}


def _existing(connection: sa.Connection, dialect: Dialect, model_ids: Sequence[int], lock: str) -> dict[int, Existing]:
    """The jobs there are, as they are once they are locked."""
    rows = connection.execute(
        sa.text(
            f"select model_id, state, measure, {HAS_WEIGHTS} as has_weights from jobs"
            f" where model_id in ({dialect.records('model_ids', model_id='bigint')}) order by model_id {lock}"
        ),
        {"model_ids": rows_json([model_id] for model_id in model_ids)},
    )
    return {
        row.model_id: Existing(
            row.model_id, row.state, MeasureSettings.from_canonical(row.measure), bool(row.has_weights)
        )
        for row in rows
    }


def _join_sweep(connection: sa.Connection, dialect: Dialect, sweep_id: int, model_ids: Sequence[int]) -> set[int]:
    """Put models into the sweep; those that were not in it."""
    given = dialect.records("model_ids", model_id="bigint")
    rows = connection.execute(
        sa.text(
            "insert into sweep_models (sweep_id, model_id)"
            # Without a WHERE, SQLite would read `on conflict` as a join's `on`.
            f" select cast(:sweep_id as bigint), model_id from ({given}) given where true order by model_id"
            " on conflict (sweep_id, model_id) do nothing returning model_id"
        ),
        {"sweep_id": sweep_id, "model_ids": rows_json([model_id] for model_id in model_ids)},
    )
    return set(rows.scalars().all())


def _insert_jobs(
    connection: sa.Connection,
    dialect: Dialect,
    new: Mapping[int, Wanted],
    infos: Mapping[str, DatasetInfo],
    *,
    held: bool,
    priority: int,
) -> None:
    if not new:
        return
    given = dialect.records("jobs", model_id="bigint", kind="text", pack_key="text", measure="text")
    connection.execute(
        sa.text(
            "insert into jobs (model_id, state, kind, measure, held, priority, pack_key, run_after)"
            f" select model_id, 'queued', kind, measure, cast(:held as boolean), :priority, pack_key, {dialect.now}"
            f" from ({given}) given order by model_id"
        ),
        {
            "jobs": rows_json(
                (model_id, *first_job(one.spec, infos[one.spec.dataset]), one.measure.canonical())
                for model_id, one in sorted(new.items())
            ),
            "held": held,
            "priority": priority,
        },
    )


def _join_jobs(
    connection: sa.Connection, dialect: Dialect, existing: Mapping[int, Existing], wanted: Mapping[int, Wanted]
) -> None:
    """Let jobs that are there already follow this sweep too: its priority, its hold, what it wants measured."""
    selection = Selection(model_ids=tuple(existing))
    refresh(connection, dialect, selection, "priority", PRIORITY)
    refresh(connection, dialect, selection, "held", HELD)
    added: list[tuple[int, str]] = []
    again: dict[MeasureSettings, list[int]] = {}
    for job in existing.values():
        measure = wanted[job.model_id].measure
        if job.state in UNMEASURED and union(job.measure, measure) != job.measure:
            added.append((job.model_id, union(job.measure, measure).canonical()))
        elif job.state == "done" and job.has_weights and asks_more(job.measure, measure):
            again.setdefault(union(job.measure, measure), []).append(job.model_id)
    if added:
        connection.execute(
            sa.text(
                "update jobs set measure = given.measure"
                f" from ({dialect.records('added', model_id='bigint', measure='text')}) given"
                f" where given.model_id = jobs.model_id and {in_states(UNMEASURED)}"
            ),
            {"added": rows_json(added)},
        )
    for settings, model_ids in again.items():
        chosen = Selection(model_ids=tuple(model_ids))
        queue_measuring(connection, dialect, chosen.sql(dialect), chosen.values(), settings)
