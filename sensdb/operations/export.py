"""`sensdb export`: results as files for other programs, from the mirror, so that the database is asked for news alone.

Rows come from the mirror's segments one at a time, so memory does not grow with their number. No row stands twice:
a model that several sweeps hold lies under the oldest of those exported, and v_sweep_models says which hold it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sensdb.analysis.population import Filters, apply_filters
from sensdb.database.dictionary import Entry, entries
from sensdb.database.views import VIEWS, view_sql
from sensdb.errors import NothingMatched
from sensdb.mirror.manifest import Manifest, mirror_folder
from sensdb.mirror.reader import open_mirror
from sensdb.mirror.sync import sync
from sensdb.operations.copy_values import quoted
from sensdb.operations.export_files import Partition, TableWriter, WrittenFile
from sensdb.operations.export_place import KIND, MANIFEST, earlier_export, is_whole, replacing
from sensdb.version import __version__

FORMATS = ("parquet", "duckdb", "csv")
DUCKDB_FILE = "sensdb.duckdb"

# By data set and sweep; the columns that order their rows.
PARTITIONED = {
    "v_models": "model_id",
    "trajectory_metrics": "model_id, trajectory, position",
    "v_regions": "model_id, slice, moment, scope",
}
WHOLE = {
    "v_sweep_models": "sweep_id, model_id",
    "dataset_points": "dataset, split, point_index",
    "data_dictionary": "table_name, column_name",
}
POINTS = "point_metrics"

# Of one row a model, where it lies.
PLACES = (
    "SELECT m.model_id, m.dataset, min_by(s.name, s.sweep_id) AS sweep FROM v_models m"
    " LEFT JOIN sweep_models b ON b.model_id = m.model_id LEFT JOIN sweeps s ON s.sweep_id = b.sweep_id"
    " GROUP BY m.model_id, m.dataset"
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Exported:
    """What an export holds: models and point rows; `written` is False where it was there already, unchanged."""

    written: bool
    n_models: int
    n_points: int
    n_files: int
    n_bytes: int


def export(
    database_url: str,
    cache: Path,
    folder: Path,
    *,
    file_format: str,
    filters: Filters | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write the results of models that have one.

    Args:
        cache: folder of the mirrors. folder: of the export; replaced whole where it holds an earlier one.
        file_format: one of FORMATS.
        filters: the models to export; all by default.
        progress: called with point rows read and those to read: first of the sync, then of the export.

    Raises:
        SensdbError: the folder holds files of others, or cannot be written.
        NothingMatched: no model that passes the filters has a result.
        QueryError: a sweep, data set or column that is not there.
    """
    folder = folder.absolute()
    earlier = earlier_export(folder)
    manifest = sync(database_url, cache, progress=progress)
    chosen = filters or Filters()
    key = _key(manifest, file_format, chosen)
    if earlier is not None and earlier.get("key") == key and is_whole(folder, earlier):
        return _exported(earlier, written=False)
    connection = open_mirror(database_url, cache, manifest)
    try:
        apply_filters(connection, chosen)
        connection.execute(f"CREATE TABLE places AS {PLACES}")
        n_models = _count(connection, "places")
        if not n_models:
            raise NothingMatched("no model to export has a result.", "sensdb status shows how far the sweeps are.")
        with replacing(folder) as partial:
            source = _Source(connection, manifest, mirror_folder(cache, manifest.identity), progress)
            write = source.to_duckdb if file_format == "duckdb" else source.to_files
            files, rows = write(partial, file_format)
            described = {
                "kind": KIND,
                "format": file_format,
                "key": key,
                "sensdb_version": __version__,
                "schema_revision": manifest.schema_revision,
                "database": manifest.database,
                "database_identity": manifest.identity,
                "as_of": manifest.synced_at,
                "filters": chosen.given(),
                "partitioned_by": [] if file_format == "duckdb" else ["dataset", "sweep"],
                "n_models": n_models,
                "tables": {name: {"rows": n, "columns": _columns(name)} for name, n in rows.items()},
                "files": [asdict(file) for file in files],
            }
            text = json.dumps(described, indent=1, ensure_ascii=False)
            (partial / MANIFEST).write_text(text + "\n", encoding="utf-8")
    finally:
        connection.close()
    return _exported(described, written=True)


class _Source:
    """What is exported: small tables from the mirror's connection, points from its segments."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, manifest: Manifest, folder: Path, progress: Progress | None
    ) -> None:
        self._connection = connection
        self._segments = [(folder / segment.file, segment.n_rows) for segment in manifest.segments]
        self._progress = progress

    def to_files(self, folder: Path, suffix: str) -> tuple[list[WrittenFile], dict[str, int]]:
        """Every table as Parquet or CSV; files, and rows by table."""
        files: list[WrittenFile] = []
        rows: dict[str, int] = {}
        for name, order in {**PARTITIONED, **WHOLE}.items():
            writer = TableWriter(folder, name, suffix, _descriptions(name))
            if name in WHOLE:
                writer.write(self._arrow(f"SELECT * FROM {name} ORDER BY {order}"))
            else:
                for partition in self._partitions():
                    writer.write(self._of_partition(name, order, partition), partition)
            written = writer.close()
            files += written
            rows[name] = sum(file.rows for file in written)
        writer = TableWriter(folder, POINTS, suffix, _descriptions(POINTS))
        self._write_points(writer)
        written = writer.close()
        return [*files, *written], {**rows, POINTS: sum(file.rows for file in written)}

    def to_duckdb(self, folder: Path, _: str) -> tuple[list[WrittenFile], dict[str, int]]:
        """One database file with every table and view of sensdb, commented."""
        place = folder / DUCKDB_FILE
        run = self._connection.execute
        tables = [
            row[0] for row in run("SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY 1").fetchall()
        ]
        run(f"ATTACH {quoted(str(place))} AS exported")
        for name in tables:
            if name not in ("places", "kept"):
                run(f"CREATE TABLE exported.{name} AS SELECT * FROM memory.{name}")
        chosen = "WHERE p.model_id IN (SELECT model_id FROM memory.places)"
        if POINTS not in tables:
            run(f"CREATE TABLE exported.{POINTS} AS SELECT p.* FROM memory.{POINTS} p {chosen}")
        run("USE exported")
        for name in VIEWS:
            run(f"CREATE VIEW {name} AS {view_sql(name, 'duckdb')}")
        held = run("SELECT table_name FROM duckdb_tables() WHERE database_name = 'exported'").fetchall()
        for entry in entries():
            if (entry.table_name,) in held or entry.table_name in VIEWS:
                run(_comment(entry))
        rows = {name: _count(self._connection, name) for name in (*PARTITIONED, *WHOLE, POINTS)}
        run("USE memory")
        run("DETACH exported")
        with place.open("rb") as file:
            content = hashlib.file_digest(file, "sha256")
        return [WrittenFile(DUCKDB_FILE, rows[POINTS], place.stat().st_size, content.hexdigest())], rows

    def _partitions(self) -> list[Partition]:
        rows = self._connection.execute("SELECT DISTINCT dataset, sweep FROM places ORDER BY ALL").fetchall()
        return [(dataset, sweep) for dataset, sweep in rows]

    def _of_partition(self, name: str, order: str, partition: Partition) -> pa.Table:
        left_out = "EXCLUDE (dataset)" if name.startswith("v_") else ""
        return self._arrow(
            f"SELECT t.* {left_out} FROM {name} t JOIN places p ON p.model_id = t.model_id"
            f" WHERE p.dataset = ? AND p.sweep IS NOT DISTINCT FROM ? ORDER BY {_prefixed(order)}",
            partition,
        )

    def _write_points(self, writer: TableWriter) -> None:
        """Rows segment by segment, each in the order it has: by model and point."""
        places = self._connection.execute("SELECT model_id, dataset, sweep FROM places").fetchall()
        of_partition: dict[Partition, list[int]] = {}
        for model_id, dataset, sweep in places:
            of_partition.setdefault((dataset, sweep), []).append(model_id)
        keys = {partition: pa.array(ids, type=pa.int64()) for partition, ids in sorted(of_partition.items(), key=repr)}
        total = sum(n_rows for _, n_rows in self._segments)
        done = 0
        for path, n_rows in self._segments:
            table = pq.read_table(path)
            for partition, ids in keys.items():
                rows = table.filter(pc.is_in(table["model_id"], ids))
                if rows.num_rows:
                    writer.write(rows, partition)
            done += n_rows
            if self._progress is not None:
                self._progress(done, total)

    def _arrow(self, select: str, values: Sequence[Any] = ()) -> pa.Table:
        return self._connection.sql(select, params=list(values)).to_arrow_table()


def _key(manifest: Manifest, file_format: str, filters: Filters) -> str:
    """What an export follows from: with the same key the same rows come out."""
    results = sorted(result for segment in manifest.segments for result in segment.results)
    moving = ("jobs", "attempts", "workers", "queue_settings") if file_format != "duckdb" else ()
    tables = {name: file for name, file in manifest.tables.items() if name not in moving}
    parts = [__version__, manifest.identity, file_format, filters.given(), tables, results]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _exported(manifest: Mapping[str, Any], *, written: bool) -> Exported:
    files = manifest["files"]
    n_bytes = sum(file["bytes"] for file in files)
    return Exported(written, manifest["n_models"], manifest["tables"][POINTS]["rows"], len(files), n_bytes)


def _columns(name: str) -> list[dict[str, str]]:
    return [
        {"name": one.column_name, "type": one.data_type, "unit": one.unit, "description": one.description}
        for one in entries()
        if one.table_name == name and one.column_name
    ]


def _descriptions(name: str) -> dict[str, str]:
    return {one.column_name: one.description for one in entries() if one.table_name == name and one.column_name}


def _comment(entry: Entry) -> str:
    kind = "VIEW" if entry.table_name in VIEWS else "TABLE"
    target = f"COLUMN {entry.table_name}.{entry.column_name}" if entry.column_name else f"{kind} {entry.table_name}"
    return f"COMMENT ON {target} IS {quoted(entry.description)}"


def _prefixed(order: str) -> str:
    return ", ".join(f"t.{column}" for column in order.split(", "))


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
    return int(found[0]) if found else 0
