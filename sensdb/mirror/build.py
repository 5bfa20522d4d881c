"""Copy a database's present state into files of a mirror, and describe them in a manifest that no reader sees yet."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.mirror import manifest as files
from sensdb.mirror.arrow import ReadTable, open_source
from sensdb.mirror.bulk import copy_pages
from sensdb.mirror.manifest import Manifest, Progress, Result, Segment
from sensdb.mirror.segments import is_whole, join_small, keep_results, pages, parquet_bytes, renew_summaries

ROUNDS = 3


@dataclass(frozen=True)
class Snapshot:
    """The small tables, and how many points each result has, at one moment of the database."""

    moment: str
    tables: dict[str, pa.Table]
    n_points: dict[Result, int]


def identity_of(engine: sa.Engine) -> str:
    """What names a database, whatever its URL."""
    with open_source(engine).statements() as read:
        column = schema.database_identity.c.identity
        return str(read("SELECT identity FROM database_identity", [column])["identity"][0].as_py())


def build(engine: sa.Engine, folder: Path, old: Manifest, progress: Progress | None) -> Manifest:
    """Write the files of the database's present state and describe them; the manifest on disk stays as it is.

    A result can be replaced or deleted between the snapshot and the copying of its rows. Then a new snapshot is
    taken; after the last round such a result is left out altogether until the next sync.
    """
    segments = [renew_summaries(folder, segment) for segment in old.segments if is_whole(folder, segment)]
    for _ in range(ROUNDS):
        snapshot = _take_snapshot(engine, old)
        segments = keep_results(folder, segments, set(snapshot.n_points))
        held = {result for segment in segments for result in segment.results}
        added = sorted(result for result in snapshot.n_points if result not in held)
        new = _copy(engine, folder, added, snapshot.n_points, progress)
        segments += new
        lost = set(added) - {result for segment in new for result in segment.results}
        if not lost:
            break
    tables = _without(snapshot.tables, lost)
    named = {name: files.write_content(folder, name, parquet_bytes([table])) for name, table in tables.items()}
    return dataclasses.replace(
        old,
        synced_at=snapshot.moment,
        tables={**({"dataset_points": old.tables["dataset_points"]} if old.tables else {}), **named},
        dataset_checksums=_dataset_checksums(tables["datasets"]),
        segments=tuple(sorted(join_small(folder, segments), key=lambda segment: segment.results)),
    )


def _take_snapshot(engine: sa.Engine, old: Manifest) -> Snapshot:
    """All small tables in one read transaction; dataset_points, the largest, only where data sets changed."""
    tables: dict[str, pa.Table] = {}
    with open_source(engine).snapshot() as read:
        for table in schema.metadata.sorted_tables:
            if table.name not in ("point_metrics", "dataset_points"):
                tables[table.name] = _read_whole(read, table)
        moment = dt.datetime.now(dt.UTC)
        if "dataset_points" not in old.tables or _dataset_checksums(tables["datasets"]) != old.dataset_checksums:
            tables["dataset_points"] = _read_whole(read, schema.dataset_points)
    metrics = tables["model_metrics"]
    columns = (metrics[name].to_pylist() for name in ("model_id", "result_id", "n_points_stored"))
    n_points = {(model_id, result_id): n for model_id, result_id, n in zip(*columns, strict=True) if n}
    return Snapshot(files.written(moment), tables, n_points)


def _read_whole(read: ReadTable, table: sa.Table) -> pa.Table:
    names = [column.name for column in table.columns]
    order = [column.name for column in table.primary_key]
    return read(f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {', '.join(order)}", list(table.columns))


def _copy(
    engine: sa.Engine, folder: Path, added: Sequence[Result], n_points: dict[Result, int], progress: Progress | None
) -> list[Segment]:
    """Copy the rows of new results; the segments hold those that are still there."""
    segments: list[Segment] = []
    done, total = 0, sum(n_points[result] for result in added)
    if progress is not None:
        progress(0, total)
    for page, segment in copy_pages(engine, folder, list(pages(added, n_points)), n_points):
        if segment is not None:
            segments.append(segment)
        done += sum(n_points[result] for result in page)
        if progress is not None:
            progress(done, total)
    return segments


def _without(tables: dict[str, pa.Table], lost: set[Result]) -> dict[str, pa.Table]:
    if not lost:
        return tables
    metrics = tables["model_metrics"]
    gone = pa.array(sorted(result_id for _, result_id in lost))
    return {**tables, "model_metrics": metrics.filter(pc.invert(pc.is_in(metrics["result_id"], gone)))}


def _dataset_checksums(datasets: pa.Table) -> tuple[tuple[str, str], ...]:
    pairs: list[dict[str, Any]] = datasets.select(["dataset", "checksum"]).to_pylist()
    return tuple(sorted((row["dataset"], str(row["checksum"])) for row in pairs))
