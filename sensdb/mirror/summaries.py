"""What questions need of all points of a model, worked out once when its points are copied.

A result never changes, so neither do these: two small tables lie beside each segment, of the models in it. `ranks` has
a row a model and metric: how its order goes with right and wrong, and with the loss. `quantiles` has a row a model,
number of groups and group: means over equal groups of points by rising Jacobian norm. The numbers are those that the
saved queries work out from the points, to the last bit (tests/mirror/test_summaries.py): ranks are summed as whole
numbers, and means the way DuckDB's favg does it. `python -m tests.benchmarks.answers` times both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sensdb.definitions.metrics import POINT_METRICS
from sensdb.mirror.arrow import array_of

VERSION = 1
"""Of what is computed here and how: a mirror with another one computes its summaries anew, from its own segments."""

BLOCK_ROWS = 1 << 16
"""Rows ranked at a time: what one sort passes over stays in the cache, a third of the time less than all at once."""

GROUPS = (4, 10)
"""Numbers of equal groups of points that `quantiles` has."""

RANKED = tuple(metric.name for metric in POINT_METRICS if metric.name not in ("label", "predicted", "correct"))
"""The metrics that `ranks` has; its margin and boundary_distance are negated and margin without its sign, as in the
saved query point_auroc, so that a wrong point is expected to have a larger one of each."""

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

RANKS = pa.schema(
    [
        ("model_id", pa.int64()),
        ("metric", pa.string()),
        ("n_right", pa.int64()),
        ("n_wrong", pa.int64()),
        ("wrong_ranks", pa.float64()),  # sum over wrong points of midranks among all points that have the metric
        ("n_points", pa.int64()),  # with metric and loss
        ("spearman_loss", pa.float64()),  # of metric and loss; missing where one of them is constant
    ]
)
QUANTILES = pa.schema(
    [
        ("model_id", pa.int64()),
        ("n_groups", pa.int32()),
        ("quantile", pa.int32()),
        ("n_points", pa.int64()),
        ("jacobian_norm_mean", pa.float64()),
        ("accuracy", pa.float64()),
        ("loss_mean", pa.float64()),
        ("loss_sum", pa.float64()),
    ]
)


class Summaries(NamedTuple):
    """The summaries of some models."""

    ranks: pa.Table
    quantiles: pa.Table


class _Values(NamedTuple):
    """A metric at the points that have it."""

    row: Integers
    value: Any


def summarise(table: pa.Table) -> Summaries:
    """The summaries of whole models.

    Args:
        table: rows of point_metrics, sorted by model_id and point_index.
    """
    model_id = _present(table["model_id"]).value
    ids, model = np.unique(model_id, return_inverse=True)
    right = _present(table["correct"]).value.astype(bool)
    metrics = {name: _present(table[name]) for name in RANKED}
    ranks = [
        _ranks(ids, model[first:last], right[first:last], _between(metrics, first, last))
        for first, last in _blocks(model)
    ]
    return Summaries(pa.concat_tables(ranks) if ranks else RANKS.empty_table(), _quantiles(ids, model, right, metrics))


def _blocks(model: Integers) -> Iterator[tuple[int, int]]:
    """Rows of whole models, BLOCK_ROWS at most unless one model has more."""
    ends = np.append(_starts(model)[1:], len(model)).tolist() if len(model) else []
    first = last = 0
    for end in ends:
        if last > first and end - first > BLOCK_ROWS:
            yield first, last
            first = last
        last = end
    if last > first:
        yield first, last


def _between(metrics: Mapping[str, _Values], first: int, last: int) -> dict[str, _Values]:
    """The metrics at rows first .. last - 1, counted from first."""
    found = {}
    for name, (row, value) in metrics.items():
        start, end = np.searchsorted(row, (first, last))
        found[name] = _Values(row[start:end] - first, value[start:end])
    return found


def _ranks(ids: Integers, model: Integers, right: Any, metrics: dict[str, _Values]) -> pa.Table:
    loss = metrics["loss"]
    loss_ranks = doubled_midranks(model[loss.row], loss.value) if len(loss.row) else np.zeros(0, dtype=np.int64)
    made: list[pa.Table] = []
    for name, (row, given) in metrics.items():
        if not len(row):
            continue
        value = _score(name, given)
        ranks = loss_ranks if name == "loss" else doubled_midranks(model[row], value)
        starts = _starts(model[row])
        wrong = ~right[row]
        n_wrong = np.add.reduceat(wrong.astype(np.int64), starts)
        n_right = np.diff(starts, append=len(row)) - n_wrong
        wrong_ranks = np.add.reduceat(np.where(wrong, ranks, 0), starts) / 2
        if len(row) == len(loss.row) and np.array_equal(row, loss.row):
            both, pair = row, (ranks, loss_ranks)
        else:
            both, in_metric, in_loss = np.intersect1d(row, loss.row, assume_unique=True, return_indices=True)
            pair = (
                doubled_midranks(model[both], value[in_metric]),
                doubled_midranks(model[both], loss.value[in_loss]),
            )
        n_points, spearman = _spearman(model[both], *pair, n_models=len(ids))
        present = model[row[starts]]
        made.append(
            pa.table(
                [
                    _column(ids[present]),
                    array_of([name] * len(starts), pa.string()),
                    _column(n_right),
                    _column(n_wrong),
                    _column(wrong_ranks),
                    _column(n_points[present]),
                    _reals(spearman[present]),
                ],
                schema=RANKS,
            )
        )
    return pa.concat_tables(made) if made else RANKS.empty_table()


def _quantiles(ids: Integers, model: Integers, right: Any, metrics: dict[str, _Values]) -> pa.Table:
    row, norm = metrics["jacobian_norm"]
    if not len(row):
        return QUANTILES.empty_table()
    model = model[row]
    loss = np.full(len(right), np.nan)
    loss[metrics["loss"].row] = metrics["loss"].value
    loss, right, norm = loss[row], right[row], norm.astype(np.float64)
    starts = _starts(model)
    n_points = np.diff(starts, append=len(row))
    of_model = np.cumsum(np.bincount(starts, minlength=len(row))) - 1  # numbers models that have the metric, from 0
    values = metrics["jacobian_norm"].value
    order = np.concatenate(
        [first + _ordered(of_model[first:last], values[first:last])[0] for first, last in _blocks(of_model)]
    )
    made = []
    for n_groups in GROUPS:
        group = np.empty(len(row), dtype=np.uint16 if len(n_points) * n_groups < 2**16 else np.int64)
        group[order] = np.repeat(np.arange(len(n_points) * n_groups), _ntile_sizes(n_points, n_groups))
        by_group = np.argsort(group, kind="stable")  # within a group by point; of 2-byte numbers much faster
        group = group[by_group].astype(np.int64)
        first = _starts(group)
        count = np.diff(first, append=len(group))
        norm_sum, norm_error = kahan_sums(norm[by_group], first, count)
        losses, has_loss = loss[by_group], np.isfinite(loss[by_group])
        n_loss = np.add.reduceat(has_loss.astype(np.int64), first)
        loss_first = np.cumsum(n_loss) - n_loss
        loss_sum, loss_error = kahan_sums(losses[has_loss], loss_first, n_loss)
        divisor = np.where(n_loss > 0, n_loss, np.nan)
        made.append(
            pa.table(
                [
                    _column(ids[model[starts]][group[first] // n_groups]),
                    _column(np.full(len(first), n_groups, dtype=np.int32)),
                    _column((group[first] % n_groups + 1).astype(np.int32)),
                    _column(count),
                    _column(norm_sum / count - norm_error / count),
                    _column(np.add.reduceat(right[by_group].astype(np.int64), first) / count),
                    _reals(loss_sum / divisor - loss_error / divisor),
                    _reals(np.where(n_loss > 0, loss_sum - loss_error, np.nan)),
                ],
                schema=QUANTILES,
            )
        )
    return pa.concat_tables(made)


def doubled_midranks(model: Integers, value: Any) -> Integers:
    """Twice the mean rank of each value among those of its model, equal ones sharing theirs: always a whole number.

    Args:
        model: number of each row's model, never falling, [n].
        value: [n], n > 0: 4-byte reals or whole numbers, none missing.
    """
    order, first = _ordered(model, value)
    until = np.append(first[1:], len(order))
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.repeat(first + until + 1, until - first)
    starts = _starts(model)
    return ranks - 2 * np.repeat(starts, np.diff(starts, append=len(model)))


def kahan_sums(values: Reals, first: Integers, count: Integers) -> tuple[Reals, Reals]:
    """Kahan's sum of each group and its error, step for step as DuckDB's fsum (sum - error) and favg.

    Args:
        values: the groups one behind the other, each in the order it is summed, [n].
        first, count: where each group begins, and its size, [groups].
    """
    by_size = np.argsort(-count, kind="stable")
    start, size = first[by_size], count[by_size]
    total, error = np.zeros(len(count)), np.zeros(len(count))
    running = np.searchsorted(-size, -np.arange(int(size[0]) if len(size) else 0), side="left")
    for step, n in enumerate(running.tolist()):  # the n groups that have more values than `step`
        difference = values[start[:n] + step] - error[:n]
        grown = total[:n] + difference
        error[:n] = (grown - total[:n]) - difference
        total[:n] = grown
    sums, errors = np.empty(len(count)), np.empty(len(count))
    sums[by_size], errors[by_size] = total, error
    return sums, errors


def _spearman(model: Integers, x: Integers, y: Integers, *, n_models: int) -> tuple[Integers, Reals]:
    """Rank correlation of each model, of doubled midranks; its sums are exact up to 1.9 million points a model."""
    counts = np.bincount(model, minlength=n_models)
    rho = np.full(n_models, np.nan)
    if not len(model):
        return counts, rho
    starts = _starts(model)
    n = counts[counts > 0]
    mean = n * (n + 1) ** 2  # n times the square of the mean of doubled ranks
    xy, xx, yy = (np.add.reduceat(a * b, starts) - mean for a, b in ((x, y), (x, x), (y, y)))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.clip(xy / (np.sqrt(xx) * np.sqrt(yy)), -1.0, 1.0)
    rho[counts > 0] = np.where((xx > 0) & (yy > 0), found, np.nan)
    return counts, rho


def _score(name: str, value: Any) -> Any:
    if name == "margin":
        return -np.abs(value)
    return -value if name == "boundary_distance" else value


def _ntile_sizes(n_points: Integers, n_groups: int) -> Integers:
    """How many points each group of each model gets by SQL's ntile: the first n % n_groups groups have one more."""
    group = np.arange(n_groups)
    return (n_points[:, None] // n_groups + (group < n_points[:, None] % n_groups)).ravel()


def _ordered(model: Integers, value: Any) -> tuple[Integers, Integers]:
    """Rows by model, then by value, equal ones as they come, [n]; and where in this order runs of equal ones begin.

    Args:
        model, value: as for doubled_midranks.
    """
    bits, model = _sortable(value), (model - model[0]).astype(np.uint64)
    if len(bits) > BLOCK_ROWS or model[-1] >= BLOCK_ROWS:
        key = model << np.uint64(32) | bits
        order = np.argsort(key, kind="stable")
        return order, _starts(key[order])
    # Each row's place in the key's last 16 bits: numbers are sorted in a fifth of the time that argsort takes.
    key = model << np.uint64(48) | bits << np.uint64(16) | np.arange(len(bits), dtype=np.uint64)
    key.sort()
    return (key & np.uint64(BLOCK_ROWS - 1)).astype(np.int64), _starts(key >> np.uint64(16))


def _sortable(value: Any) -> npt.NDArray[np.uint64]:
    """Whole numbers below 2^32 in the order of 4-byte reals or whole numbers, equal where these are."""
    if value.dtype == np.float32:
        bits = (value + np.float32(0)).view(np.uint32)  # + 0: the two zeros are equal
        bits ^= np.where(bits >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
        return np.asarray(bits, dtype=np.uint64)
    return np.asarray(value.astype(np.int64) + 2**31, dtype=np.uint64)


def _starts(values: Any) -> Integers:
    """Where runs of equal values begin; values are not empty."""
    return np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))


def _present(column: pa.ChunkedArray) -> _Values:
    """Positions and values of what is not missing, in the column's own kind of numbers."""
    chunk = column.combine_chunks()
    if isinstance(chunk, pa.ChunkedArray):
        chunk = pa.concat_arrays(chunk.chunks)
    valid = _bits(chunk, 0) if chunk.null_count else None
    if pa.types.is_boolean(chunk.type):
        values: Any = _bits(chunk, 1)
    else:
        dtype = np.dtype(chunk.type.to_pandas_dtype())
        values = np.frombuffer(chunk.buffers()[1], dtype=dtype, count=len(chunk), offset=chunk.offset * dtype.itemsize)
    if valid is None:
        return _Values(np.arange(len(chunk)), values)
    return _Values(np.flatnonzero(valid), values[valid])


def _bits(chunk: pa.Array, number: int) -> Any:
    raw = np.frombuffer(chunk.buffers()[number], dtype=np.uint8)
    bits = np.unpackbits(raw, bitorder="little", count=chunk.offset + len(chunk))
    return bits[chunk.offset :].astype(bool)


def _reals(values: Reals) -> pa.Array:
    """An Arrow column whose NaN are missing."""
    validity = np.packbits(~np.isnan(values), bitorder="little")
    return pa.Array.from_buffers(pa.float64(), len(values), [pa.py_buffer(validity), pa.py_buffer(values)])


def _column(values: np.ndarray[tuple[int], np.dtype[Any]]) -> pa.Array:
    """An Arrow column of numbers, none missing; `pa.array` would import pandas first (arrow.array_of)."""
    own = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(own.dtype), len(own), [None, pa.py_buffer(own)])
