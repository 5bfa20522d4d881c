"""Association of two columns by ranks and by values: midranks, Spearman, Kendall tau-b, Pearson."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sensdb.analysis.statistics.finished import FloatArray, IntArray


@dataclass(frozen=True)
class TieGroups:
    """A column's order: its values sorted, equal ones joined.

    Attributes:
        order: positions that sort the column, [n].
        group: number of the tie group of each value in the column's own order, [n]; 0 holds the smallest.
        ends: for each group, the number of values in it and below it, [groups].
    """

    order: IntArray
    group: IntArray
    ends: IntArray


def tie_groups(values: FloatArray) -> TieGroups:
    """Sort a column once so that ranks of it, and of any resample of it, are sums (see `bootstrap`)."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts_group = np.concatenate(([True], ordered[1:] != ordered[:-1])) if len(values) else np.zeros(0, dtype=bool)
    group = np.empty(len(values), dtype=np.int64)
    group[order] = np.cumsum(starts_group) - 1
    ends = np.append(np.flatnonzero(starts_group)[1:], len(values)) if len(values) else np.zeros(0, dtype=np.int64)
    return TieGroups(order, group, ends)


def midranks(values: FloatArray) -> FloatArray:
    """Ranks from 1, equal values sharing the mean of their places.

    Args:
        values: [n], finite.

    Returns:
        [n]; the mean is (n + 1) / 2 whatever the ties.
    """
    ties = tie_groups(values)
    before = np.concatenate(([0], ties.ends[:-1]))
    shared = (before + ties.ends + 1) / 2  # the mean of places before + 1 .. end
    ranks: FloatArray = shared[ties.group]
    return ranks


def pearson(x: FloatArray, y: FloatArray) -> float | None:
    """Pearson's correlation, sum dx dy / sqrt(sum dx^2 sum dy^2).

    Returns:
        -1 .. 1; None with fewer than 3 values or where a column is constant.
    """
    if len(x) < 3 or is_constant(x) or is_constant(y):
        return None
    dx, dy = x - x.mean(), y - y.mean()
    scale = float(np.sqrt(np.sum(dx * dx)) * np.sqrt(np.sum(dy * dy)))
    if scale == 0.0:  # differences that vanish in rounding
        return None
    return float(np.clip(np.sum(dx * dy) / scale, -1.0, 1.0))


def spearman(x: FloatArray, y: FloatArray) -> float | None:
    """Spearman's rank correlation: Pearson's of the midranks, so that ties count right.

    Returns:
        -1 .. 1; None with fewer than 3 values or where a column is constant.
    """
    return pearson(midranks(x), midranks(y))


def kendall_tau_b(x: FloatArray, y: FloatArray) -> float | None:
    """Kendall's tau-b, (P - Q) / sqrt((P + Q + T_x)(P + Q + T_y)), by Knight's count in n log n steps.

    P concordant, Q discordant pairs; T_x pairs tied in x alone, T_y in y alone. Pairs tied in both count nowhere.

    Returns:
        -1 .. 1; None with fewer than 3 values or where a column is constant.
    """
    n = len(x)
    if n < 3 or is_constant(x) or is_constant(y):
        return None
    gx, gy = tie_groups(x).group, tie_groups(y).group
    order = np.lexsort((gy, gx))
    discordant = count_inversions(gy[order])
    pairs = n * (n - 1) // 2
    tied_x, tied_y = _tied_pairs(gx), _tied_pairs(gy)
    tied_both = _tied_pairs(gx * (int(gy.max()) + 1) + gy)
    concordant_minus_discordant = pairs - tied_x - tied_y + tied_both - 2 * discordant
    return float(concordant_minus_discordant / np.sqrt(float(pairs - tied_x) * float(pairs - tied_y)))


def count_inversions(values: IntArray) -> int:
    """Pairs i < j with values[i] > values[j], by merging sorted blocks of doubling length, a level at a time."""
    n = len(values)
    if n < 2:
        return 0
    length = 1 << (n - 1).bit_length()
    rows: IntArray = np.full(
        length, int(values.max()) + 1, dtype=np.int64
    )  # what is padded stands last and inverts nothing
    rows[:n] = values
    total, half = 0, 1
    while half < length:
        rows = rows.reshape(-1, 2 * half)
        order = np.argsort(rows, axis=1, kind="stable")  # of equal values the left one stays left
        from_right = order >= half
        rights_so_far = np.cumsum(from_right, axis=1)
        lefts_so_far = np.arange(1, 2 * half + 1) - rights_so_far
        total += int(np.sum((half - lefts_so_far)[from_right]))  # lefts still to come are larger
        rows = np.take_along_axis(rows, order, axis=1)
        half *= 2
    return total


def is_constant(values: FloatArray) -> bool:
    """Whether a column holds one value only; an empty one does."""
    return len(values) == 0 or bool(np.all(values == values[0]))


def _tied_pairs(group: IntArray) -> int:
    counts = np.unique(group, return_counts=True)[1]
    return int(np.sum(counts * (counts - 1) // 2))
