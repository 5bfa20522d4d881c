"""A page of models on its way from one database to another: read in one snapshot, stored in one transaction.

So a kill leaves each model in the target whole or not at all. Keys that a database gives out itself (model_id,
sweep_id, artifact_id) are new there; what a result is known by elsewhere, its result_id, is carried over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sensdb.database import schema
from sensdb.errors import ArtifactError, QueueError, WorkerFault
from sensdb.jobs.control import Selection, refresh
from sensdb.jobs.dialects import Dialect, dialect_of, rows_json
from sensdb.jobs.states import in_states, sources
from sensdb.jobs.transactions import Repeat
from sensdb.jobs.updates import HELD, PRIORITY
from sensdb.mirror.arrow import ReadTable
from sensdb.operations.copy_values import (
    Rows,
    among,
    columns_of,
    dictionaries,
    only_models,
    quoted,
    read_rows,
    renumbered,
)
from sensdb.results.artifacts import Artifact, ArtifactStore, note_artifacts
from sensdb.results.rows import copy_rows, driver_rows, write_points


@dataclass(frozen=True)
class Page:
    """Rows of some models as the source has them at one moment.

    members: sweep name and model_id. artifacts: with the uri they have in the target. region_slices name no artifact.
    """

    models: Rows
    jobs: Rows
    attempts: Rows
    workers: Rows
    members: Rows
    artifacts: Rows
    metrics: Rows
    points: pa.Table
    trajectories: Rows
    regions: Rows


@dataclass
class Stored:
    """What became of the models of a page, each by its model_id in the source."""

    model_ids: dict[int, int] = field(default_factory=dict)
    new: set[int] = field(default_factory=set)
    results: set[int] = field(default_factory=set)
    running: set[int] = field(default_factory=set)
    other_result: set[int] = field(default_factory=set)


def read_page(read: ReadTable, model_ids: Sequence[int], moving: Sequence[int], sweeps: Sequence[str]) -> Page:
    """Read models.

    Args:
        moving: those with all that hangs on them; of the others their spec and their sweeps are enough.
        sweeps: those whose membership is wanted.
    """

    def rows(table: sa.Table, keys: Sequence[int] = moving) -> Rows:
        return dictionaries(read_rows(read, table, among("model_id", keys)))

    attempts = rows(schema.attempts)
    tried = sorted({row["worker_id"] for row in attempts})
    names = ", ".join(map(quoted, sweeps)) or "NULL"
    members = read(
        "SELECT s.name AS name, b.model_id AS model_id FROM sweep_models b JOIN sweeps s ON s.sweep_id = b.sweep_id"
        f" WHERE {among('b.model_id', model_ids)} AND s.name IN ({names})",
        [schema.sweeps.c.name, schema.sweep_models.c.model_id],
    )
    workers = f"worker_id IN ({', '.join(map(quoted, tried)) or 'NULL'})"
    return Page(
        models=rows(schema.models, model_ids),
        jobs=rows(schema.jobs),
        attempts=attempts,
        workers=dictionaries(read_rows(read, schema.workers, workers)),
        members=dictionaries(members),
        artifacts=rows(schema.artifacts),
        metrics=rows(schema.model_metrics),
        points=read_rows(read, schema.point_metrics, among("model_id", moving)),
        trajectories=rows(schema.trajectory_metrics),
        regions=rows(schema.region_slices),
    )


def carry_files(page: Page, source: ArtifactStore, target: ArtifactStore) -> tuple[Page, list[str]]:
    """Store the page's files a second time, under the target's own name, so that neither database needs the other.

    Returns:
        The page with the new names, and the reason for each file that could not be read here: its row goes along
        with the name it has.
    """
    left: list[str] = []
    carried: Rows = []
    for row in page.artifacts:
        file = Artifact(row["kind"], row["uri"], row["sha256"], row["bytes"])
        try:
            suffix = file.uri.rpartition(".")[2]
            file = target.put(file.kind, source.get(file), suffix)
        except (ArtifactError, WorkerFault) as error:
            left.append(f"{row['uri']}: {error.message}")
        carried.append({**row, "uri": file.uri})
    return Page(**{**page.__dict__, "artifacts": carried}), left


def store_page(connection: sa.Connection, page: Page) -> Stored:
    """Store the page in the caller's transaction; what is there already stays as it is.

    Locks are taken as an enqueue takes them: sweeps, then models in the order of their hashes, then jobs.

    Raises:
        QueueError: one of the sweeps was deleted in the target meanwhile.
    """
    dialect = dialect_of(connection.engine)
    sweep_ids = _sweep_ids(connection, dialect, sorted({row["name"] for row in page.members}))
    stored = Stored()
    stored.model_ids = _models(connection, dialect, page.models)
    states = _lock_jobs(connection, dialect, list(stored.model_ids.values()))
    held = _results(connection, dialect, list(stored.model_ids.values()))
    measured = {row["model_id"]: row["result_id"] for row in page.metrics}
    for source_id, target_id in stored.model_ids.items():
        if target_id not in states:
            stored.new.add(source_id)
        if source_id not in measured:
            continue
        if target_id in held:
            if held[target_id] != measured[source_id]:
                stored.other_result.add(source_id)
        elif states.get(target_id) == "running":
            stored.running.add(source_id)
        else:
            stored.results.add(source_id)
    _insert_new(connection, schema.workers, [_left(row) for row in page.workers])
    _insert_new(connection, schema.sweep_models, _members(page, sweep_ids, stored.model_ids))
    _jobs(connection, dialect, page, stored)
    attempts = [_closed(row) for row in page.attempts if row["model_id"] in stored.new | stored.results]
    _insert_new(connection, schema.attempts, _renumbered(attempts, stored.model_ids))
    _artifacts(connection, page, stored)
    _store_results(connection, dialect, page, stored)
    return stored


def _sweep_ids(connection: sa.Connection, dialect: Dialect, names: Sequence[str]) -> dict[str, int]:
    rows = connection.execute(
        sa.text(
            f"select sweep_id, name from sweeps where name in ({dialect.records('names', name='text')})"
            f" order by sweep_id {dialect.share}"
        ),
        {"names": rows_json([name] for name in names)},
    ).all()
    if len(rows) < len(names):
        gone = sorted(set(names) - {row.name for row in rows})
        raise QueueError(f"sweep '{gone[0]}' was deleted in the target while it was copied.", "copy it again.")
    return {row.name: row.sweep_id for row in rows}


def _models(connection: sa.Connection, dialect: Dialect, models: Rows) -> dict[int, int]:
    """Insert models that are not there; source's model_id -> target's."""
    rows = sorted(models, key=lambda row: str(row["spec_sha256"]))
    values = [{name: value for name, value in row.items() if name != "model_id"} for row in rows]
    _insert_new(connection, schema.models, values, key=("spec_sha256",))
    found = connection.execute(
        sa.text(
            "select model_id, spec_sha256 from models"
            f" where spec_sha256 in ({dialect.records('hashes', sha256='text')}) {dialect.share}"
        ),
        {"hashes": rows_json([row["spec_sha256"]] for row in rows)},
    ).all()
    by_hash = {row.spec_sha256: row.model_id for row in found}
    if len(by_hash) < len(rows):
        raise Repeat("models were deleted while they were copied")
    return {row["model_id"]: by_hash[row["spec_sha256"]] for row in rows}


def _lock_jobs(connection: sa.Connection, dialect: Dialect, model_ids: Sequence[int]) -> dict[int, str]:
    rows = connection.execute(
        sa.text(
            f"select model_id, state from jobs where model_id in ({dialect.records('ids', model_id='bigint')})"
            f" order by model_id {dialect.lock}"
        ),
        {"ids": rows_json([key] for key in sorted(model_ids))},
    )
    return {row.model_id: row.state for row in rows}


def _results(connection: sa.Connection, dialect: Dialect, model_ids: Sequence[int]) -> dict[int, str]:
    rows = connection.execute(
        sa.text(
            "select model_id, result_id from model_metrics"
            f" where model_id in ({dialect.records('ids', model_id='bigint')})"
        ),
        {"ids": rows_json([key] for key in model_ids)},
    )
    return {row.model_id: row.result_id for row in rows}


def _members(page: Page, sweep_ids: Mapping[str, int], model_ids: Mapping[int, int]) -> Rows:
    pairs = sorted((sweep_ids[row["name"]], model_ids[row["model_id"]]) for row in page.members)
    return [{"sweep_id": sweep_id, "model_id": model_id} for sweep_id, model_id in pairs]


def _jobs(connection: sa.Connection, dialect: Dialect, page: Page, stored: Stored) -> None:
    """Jobs of new models, in the state they have; those that were there and get a result are done."""
    has_result = {row["model_id"] for row in page.metrics}
    new = [_at_rest(row, row["model_id"] in has_result) for row in page.jobs if row["model_id"] in stored.new]
    rows = sorted(_renumbered(new, stored.model_ids), key=lambda row: int(row["model_id"]))
    if len(rows) < len(stored.new):
        raise Repeat("models were deleted in the target while they were copied")
    if rows:
        connection.execute(schema.jobs.insert(), rows)
    selection = Selection(model_ids=tuple(stored.model_ids.values()))
    refresh(connection, dialect, selection, "priority", PRIORITY)
    refresh(connection, dialect, selection, "held", HELD)
    adopted = [row for row in page.jobs if row["model_id"] in stored.results - stored.new]
    if adopted:
        given = dialect.records("adopted", model_id="bigint", attempt="integer")
        connection.execute(
            sa.text(
                f"update jobs set state = 'done', finished_at = {dialect.now}, worker_id = null,"
                f" attempt = {dialect.greatest}(jobs.attempt, given.attempt) from ({given}) given"
                f" where given.model_id = jobs.model_id and {in_states(sources('adopt'))}"
            ),
            {"adopted": rows_json((stored.model_ids[row["model_id"]], row["attempt"]) for row in adopted)},
        )


def _at_rest(job: dict[str, Any], has_result: bool) -> dict[str, Any]:
    """The job; one that runs in the source as if its worker had released it, for that worker does not work here."""
    if job["state"] != "running":
        return job
    resting = {**job, "worker_id": None, "lease_until": None, "cancel_requested": False}
    if not job["cancel_requested"]:
        return resting | {"state": "queued", "finished_at": None}
    ended = "cancelled" if job["kind"] == "train" else "done" if has_result else "dead"
    return resting | {"state": ended, "finished_at": dt.datetime.now(dt.UTC)}


def _closed(attempt: dict[str, Any]) -> dict[str, Any]:
    """The attempt; one that runs in the source ended here as a release does."""
    if attempt["outcome"] is not None:
        return attempt
    return attempt | {"outcome": "released", "ended_at": dt.datetime.now(dt.UTC)}


def _left(worker: dict[str, Any]) -> dict[str, Any]:
    """The worker, known for what it did; to the target it is not one that should be heard from."""
    return worker if worker["stopped_at"] is not None else worker | {"stopped_at": worker["beat_at"]}


def _artifacts(connection: sa.Connection, page: Page, stored: Stored) -> None:
    wanted = stored.new | stored.results
    files: dict[int, list[Artifact]] = {}
    for row in page.artifacts:
        if row["model_id"] in wanted:
            file = Artifact(row["kind"], row["uri"], row["sha256"], row["bytes"])
            files.setdefault(stored.model_ids[row["model_id"]], []).append(file)
    note_artifacts(connection, files)


def _store_results(connection: sa.Connection, dialect: Dialect, page: Page, stored: Stored) -> None:
    def wanted(rows: Rows) -> Rows:
        return _renumbered([row for row in rows if row["model_id"] in stored.results], stored.model_ids)

    metrics = wanted(page.metrics)
    if not metrics:
        return
    connection.execute(schema.model_metrics.insert(), metrics)
    points = page.points
    if len(stored.results) < len(page.metrics):
        points = only_models(points, sorted(stored.results))
    if points.num_rows:
        columns = renumbered(columns_of(points), stored.model_ids)
        write_points(connection, [copy_rows(columns) if dialect.name == "postgresql" else driver_rows(columns)])
    trajectories = wanted(page.trajectories)
    if trajectories:
        connection.execute(schema.trajectory_metrics.insert(), trajectories)
    regions = _naming_files(connection, dialect, page, wanted(page.regions))
    if regions:
        connection.execute(schema.region_slices.insert(), regions)


def _naming_files(connection: sa.Connection, dialect: Dialect, page: Page, regions: Rows) -> Rows:
    """Rows of region_slices with the number their file has here."""
    uris = {row["artifact_id"]: row["uri"] for row in page.artifacts}
    rows = connection.execute(
        sa.text(
            "select model_id, uri, artifact_id from artifacts"
            f" where model_id in ({dialect.records('ids', model_id='bigint')})"
        ),
        {"ids": rows_json([key] for key in {row["model_id"] for row in regions})},
    )
    numbers = {(row.model_id, row.uri): row.artifact_id for row in rows}
    return [{**row, "artifact_id": numbers.get((row["model_id"], uris.get(row["artifact_id"])))} for row in regions]


def _renumbered(rows: Rows, model_ids: Mapping[int, int]) -> Rows:
    return [{**row, "model_id": model_ids[row["model_id"]]} for row in rows]


def _insert_new(connection: sa.Connection, table: sa.Table, rows: Rows, key: Sequence[str] = ()) -> None:
    """Insert rows that are not there yet; values as SQLAlchemy's types take them, so moments and flags fit both."""
    if not rows:
        return
    columns = [table.c[name] for name in key] or list(table.primary_key)
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(index_elements=columns), rows)
