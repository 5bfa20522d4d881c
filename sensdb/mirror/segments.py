"""Segments: Parquet files of point rows, whole models each, that never change once they are written."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sensdb.mirror import summaries
from sensdb.mirror.manifest import Result, Segment, write_content
from sensdb.mirror.points import ReadPage

SEGMENT_ROWS = 1_000_000
"""Point rows a segment holds at most, unless one model has more: 30 MB on disk, 70 MB in memory."""

SEGMENT_MODELS = 5_000
ROW_GROUP_ROWS = 100_000
SMALL_ROWS = SEGMENT_ROWS // 4
MOST_SMALL = 8
"""Small segments, each left by a sync that found little, are joined when there are more."""


def pages(results: Sequence[Result], n_points: Mapping[Result, int]) -> Iterator[list[Result]]:
    """Results a segment at a time, in order."""
    page: list[Result] = []
    n_rows = 0
    for result in results:
        if page and (n_rows + n_points[result] > SEGMENT_ROWS or len(page) == SEGMENT_MODELS):
            yield page
            page, n_rows = [], 0
        page.append(result)
        n_rows += n_points[result]
    if page:
        yield page


def copy_page(read: ReadPage, folder: Path, page: Sequence[Result], n_points: Mapping[Result, int]) -> Segment | None:
    """Copy the rows of some results into a segment of their own.

    A result that was deleted or replaced since `n_points` was read is left out: the segment's results are those it
    really holds, all rows of each.

    Returns:
        The segment; None where none of the results is there any more.
    """
    table = read(page)
    n_rows = dict(_rows_by_model(table))
    whole = [result for result in page if n_rows.get(result[0], 0) == n_points[result]]
    if len(whole) < len(page):
        table = _only(table, whole)
    return write_segment(folder, table, whole) if whole else None


def write_segment(folder: Path, table: pa.Table, results: Sequence[Result]) -> Segment:
    """Store point rows, sorted by model and point, as a segment that holds `results`."""
    table = _sorted(table)
    content = parquet_bytes(list(_whole_models(table)))
    name = write_content(folder, "points", content)
    ranks, quantiles = _write_summaries(folder, table)
    return Segment(name, table.num_rows, len(content), tuple(sorted(results)), ranks, quantiles, summaries.VERSION)


def renew_summaries(folder: Path, segment: Segment) -> Segment:
    """The segment with summaries as this version makes them, from its own rows; as it is where it has them."""
    there = all((folder / file).exists() for file in (segment.ranks, segment.quantiles))
    if there and segment.summary_version == summaries.VERSION:
        return segment
    ranks, quantiles = _write_summaries(folder, pq.read_table(folder / segment.file))
    return replace(segment, ranks=ranks, quantiles=quantiles, summary_version=summaries.VERSION)


def _write_summaries(folder: Path, table: pa.Table) -> tuple[str, str]:
    made = summaries.summarise(table)
    return (
        write_content(folder, "ranks", parquet_bytes([made.ranks])),
        write_content(folder, "quantiles", parquet_bytes([made.quantiles])),
    )


def keep_results(folder: Path, segments: Sequence[Segment], present: set[Result]) -> list[Segment]:
    """The segments without results that are gone; those that held some are written anew from their own rows."""
    kept: list[Segment] = []
    for segment in segments:
        staying = [result for result in segment.results if result in present]
        if len(staying) == len(segment.results):
            kept.append(segment)
        elif staying:
            kept.append(write_segment(folder, _only(pq.read_table(folder / segment.file), staying), staying))
    return kept


def join_small(folder: Path, segments: Sequence[Segment]) -> list[Segment]:
    """The segments, small ones joined where there are more than a few."""
    small = [segment for segment in segments if segment.n_rows < SMALL_ROWS]
    if len(small) <= MOST_SMALL:
        return list(segments)
    joined = [segment for segment in segments if segment.n_rows >= SMALL_ROWS]
    while small:
        batch = [small.pop(0)]
        while small and sum(segment.n_rows for segment in batch) + small[0].n_rows <= SEGMENT_ROWS:
            batch.append(small.pop(0))
        table = pa.concat_tables([pq.read_table(folder / segment.file) for segment in batch])
        joined.append(write_segment(folder, table, [result for segment in batch for result in segment.results]))
    return joined


def is_whole(folder: Path, segment: Segment) -> bool:
    """Whether a segment's file is there in the size it was written."""
    try:
        return (folder / segment.file).stat().st_size == segment.n_bytes
    except OSError:
        return False


def parquet_bytes(slices: Sequence[pa.Table]) -> bytes:
    """Tables of one schema as one Parquet file, a row group each; the same rows give the same bytes."""
    schema = slices[0].schema
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, schema, compression="zstd", use_dictionary=repeating(schema)) as writer:
        for table in slices:
            writer.write_table(table, row_group_size=max(1, table.num_rows))
    return buffer.getvalue()


def repeating(schema: pa.Schema) -> list[str] | bool:
    """The columns worth a dictionary: not reals, of which hardly two are equal.

    Measured on point rows: trying and giving up takes six times as long as writing them plain, and a file half as
    large again.
    """
    return [field.name for field in schema if not pa.types.is_floating(field.type)] or False


def _whole_models(table: pa.Table) -> Iterator[pa.Table]:
    """Slices of whole models, a row group each: a question about few models reads few of them."""
    start = rows = 0
    for _, count in _rows_by_model(table):
        if rows and rows + count > ROW_GROUP_ROWS:
            yield table.slice(start, rows)
            start, rows = start + rows, 0
        rows += count
    yield table.slice(start, rows)


def _rows_by_model(table: pa.Table) -> list[tuple[int, int]]:
    """Models and their numbers of rows, by model."""
    ids, counts = np.unique(_numbers(table["model_id"]), return_counts=True)
    return list(zip(ids.tolist(), counts.tolist(), strict=True))


def _sorted(table: pa.Table) -> pa.Table:
    place = _numbers(table["model_id"]) * 2**31 + _numbers(table["point_index"])
    if np.all(place[1:] > place[:-1]):
        return table  # as keys usually come: looking is far cheaper than sorting
    return table.sort_by([("model_id", "ascending"), ("point_index", "ascending")])


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """A column of whole numbers, none missing; pyarrow's own `to_numpy` imports pandas."""
    chunks = [np.from_dlpack(chunk) for chunk in column.chunks]
    return np.concatenate(chunks, dtype=np.int64) if chunks else np.zeros(0, dtype=np.int64)


def _only(table: pa.Table, results: Sequence[Result]) -> pa.Table:
    ids = pa.array([model_id for model_id, _ in results], type=pa.int64())
    return table.filter(pc.is_in(table["model_id"], ids))
