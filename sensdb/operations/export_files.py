"""Tables as files: Parquet or CSV in folders `dataset=.../sweep=...`, as Hive, Spark, DuckDB and pandas read them.

The two columns stand in the folders' names and not in the files; names are percent-encoded, as those readers expect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from sensdb.mirror.segments import repeating

FILE_ROWS = 8_000_000
"""Rows after which a new file is begun: some 250 MB of points in Parquet, so that readers share the work."""

ROW_GROUP_ROWS = 122_880
NO_SWEEP = "__HIVE_DEFAULT_PARTITION__"

Partition = tuple[str, str | None]
"""Data set and sweep."""


@dataclass(frozen=True)
class WrittenFile:
    """A file of an export, by its path within it."""

    path: str
    rows: int
    bytes: int
    sha256: str


class TableWriter:
    """Writes one table's rows as they come, a file a partition; memory holds one row group a partition.

    Args:
        folder: of the export. name: of the table, which names its folder, or its file where it has no partitions.
        suffix: parquet or csv.
        descriptions: column -> what it means, kept in the Parquet schema.
    """

    def __init__(self, folder: Path, name: str, suffix: str, descriptions: Mapping[str, str]) -> None:
        self._folder, self._name, self._suffix, self._descriptions = folder, name, suffix, descriptions
        self._open: dict[Partition | None, _OpenFile] = {}
        self._numbers: dict[Partition | None, int] = {}
        self._files: list[WrittenFile] = []

    def write(self, table: pa.Table, partition: Partition | None = None) -> None:
        """Add rows to a partition, or to the one file of a table without partitions."""
        plain = pa.schema([self._field(field) for field in table.schema])
        rows = table.cast(plain)
        while True:
            file = self._open.get(partition)
            if file is None:
                file = self._open[partition] = _OpenFile(self._folder, self._path(partition), plain)
            part = rows.slice(0, FILE_ROWS - file.rows)
            file.write(part)
            rows = rows.slice(part.num_rows)
            if file.rows >= FILE_ROWS:
                self._files.append(self._open.pop(partition).close())
            if not rows.num_rows:
                return

    def close(self) -> list[WrittenFile]:
        """Finish all files; what was written, by path."""
        self._files += [file.close() for file in self._open.values()]
        self._open = {}
        return sorted(self._files, key=lambda file: file.path)

    def _path(self, partition: Partition | None) -> str:
        if partition is None:
            return f"{self._name}.{self._suffix}"
        number = self._numbers[partition] = self._numbers.get(partition, -1) + 1
        dataset, sweep = partition
        named = NO_SWEEP if sweep is None else quote(sweep, safe="")
        return f"{self._name}/dataset={quote(dataset, safe='')}/sweep={named}/part-{number:05d}.{self._suffix}"

    def _field(self, field: pa.Field) -> pa.Field:
        """The column in a type every reader has: no views of text, which DuckDB may give."""
        kind = (
            pa.string() if pa.types.is_string_view(field.type) or pa.types.is_large_string(field.type) else field.type
        )
        described = self._descriptions.get(field.name)
        return pa.field(field.name, kind, metadata={"description": described} if described else None)


class _OpenFile:
    """A file that is being written: rows are gathered to row groups, for small ones cost readers much."""

    def __init__(self, folder: Path, path: str, schema: pa.Schema) -> None:
        self.rows = 0
        self._path = path
        self._place = folder / path
        self._place.parent.mkdir(parents=True, exist_ok=True)
        self._waiting: list[pa.Table] = []
        self._n_waiting = 0
        self._writer: Any
        if path.endswith(".parquet"):
            self._writer = pq.ParquetWriter(self._place, schema, compression="zstd", use_dictionary=repeating(schema))
        else:
            # Text is quoted and a missing value is bare, so that empty text and NULL differ.
            self._writer = pyarrow.csv.CSVWriter(self._place, schema)
        self._schema = schema

    def write(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        self._waiting.append(table)
        self._n_waiting += table.num_rows
        if self._n_waiting >= ROW_GROUP_ROWS:
            self._flush(self._n_waiting - self._n_waiting % ROW_GROUP_ROWS)

    def close(self) -> WrittenFile:
        self._flush(self._n_waiting)
        self._writer.close()
        with self._place.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        return WrittenFile(self._path, self.rows, self._place.stat().st_size, checksum)

    def _flush(self, n_rows: int) -> None:
        table = pa.concat_tables(self._waiting) if self._waiting else self._schema.empty_table()
        if n_rows or not self.rows:
            part = table.slice(0, n_rows)
            if isinstance(self._writer, pq.ParquetWriter):
                self._writer.write_table(part, row_group_size=ROW_GROUP_ROWS)
            else:
                self._writer.write_table(part)
        rest = table.slice(n_rows)
        self._waiting = [rest] if rest.num_rows else []
        self._n_waiting = rest.num_rows
