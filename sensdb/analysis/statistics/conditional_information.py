"""Does a metric's order say of the gap's order what the axes do not? Finishes `conditional_information`."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from sensdb.analysis.statistics import bootstrap
from sensdb.analysis.statistics.axes import Grid, grids
from sensdb.analysis.statistics.finished import BoolArray, Columns, Finished, FloatArray, IntArray, joined
from sensdb.analysis.statistics.known_metrics import with_known

NAMES = (
    "dataset", "metric", "k", "conditioned_on", "null_mean", "null_high", "p_value", "information", "tau",
    "n_configurations", "n_pairs", "n_ties",
)  # fmt: skip
MOST_CONFIGURATIONS = 400
"""Of more, so many are drawn: the pairs grow with the square."""
FEWEST_CONFIGURATIONS = 8


def conditional_information(
    columns: Columns, *, known: str = "none", permutations: int = 100, seed: int = bootstrap.SEED
) -> Finished:
    """Jiang et al.'s K: normalised mutual information of the orders of metric and gap, given two axes at most.

    V_mu = sign(mu_a - mu_b), V_g = sign(g_a - g_b) over ordered pairs of configurations, U_S the values of both on the
    axes in S. I(V_mu; V_g | U_S) = sum_u p(u) I_u in bits by plug-in frequencies, pairs tied in metric or gap left
    out; I_hat = I / H(V_g | U_S); K = min over S, |S| <= 2, the empty set among them (paper.md 11). K has no sign: a
    perfectly inverse metric scores 1, so tau stands beside it. Plug-in information is biased upwards, so the same
    number of the metric dealt anew to the configurations stands beside it as well.

    Args:
        columns: as `axes.grids` takes them.
        known: as `known_metrics.with_known` takes it: none, or the metric to put in the metric's place.
        permutations: of the null.
        seed: of the permutations, and of the draw of 400 configurations where there are more.

    Returns:
        One row a data set and metric. p_value is (1 + permutations at least as large) / (1 + permutations); tau is
        Kendall's tau-a over all pairs; information is I_hat of the empty set.
    """
    rows: list[tuple[object, ...]] = []
    said: list[tuple[str, str, str]] = []
    for grid in grids(with_known(columns, known, seed)):
        about = (grid.dataset, grid.metric)
        n_all = len(grid.gap)
        if grid.n_without:
            said.append((*about, f"{grid.n_without} models without a value are left out"))
        if n_all > MOST_CONFIGURATIONS:
            said.append((*about, f"{MOST_CONFIGURATIONS} of {n_all} configurations, drawn with seed {seed}"))
        row, reason = _of_grid(grid, permutations, seed)
        if reason is not None:
            said.append((*about, f"no K, {reason}"))
        rows.append((*about, *row))
    return Finished({name: [row[place] for row in rows] for place, name in enumerate(NAMES)}, tuple(joined(said)))


class Cells:
    """Pairs of configurations by the values of both on the axes in S: what the information given U_S is summed over.

    Of the two orders of a pair the one whose first value is the smaller is counted: the other's cell has the same
    counts with both signs turned. Within one value both orders count.

    Args:
        levels: number of each configuration's values on the axes in S, [n].
        first, second: the pairs, each once, [pairs].
    """

    def __init__(self, levels: IntArray, first: IntArray, second: IntArray) -> None:
        a, b = levels[first], levels[second]
        low, high = np.minimum(a, b), np.maximum(a, b)
        width = int(levels.max()) + 1
        cells, cell = np.unique(low * width + high, return_inverse=True)
        self._within = (cells // width == cells % width)[:, None, None]
        self._turned = np.where(a > b, 3, 0)
        self._base = 4 * cell.reshape(-1)
        self._n_counts = 4 * len(cells)

    def information(self, signs: IntArray, kept: BoolArray) -> float | None:
        """I(V_mu; V_g | U_S) / H(V_g | U_S).

        Args:
            signs: 2 [mu_a > mu_b] + [g_a > g_b] of each pair, [pairs].
            kept: pairs without a tie, [pairs].

        Returns:
            0 .. 1; None where the gap's order is decided by the axes alone, or no pair is left.
        """
        place = self._base + (signs ^ self._turned)
        counted = np.bincount(place[kept], minlength=self._n_counts).reshape(-1, 2, 2)
        counts = np.where(self._within, counted + counted[:, ::-1, ::-1], 2 * counted).astype(np.float64)
        n = counts.sum(axis=(1, 2))
        counts, n = counts[n > 0], n[n > 0]
        entropy_gap, entropy_metric, entropy_both = (
            _x_log_x(each / n.reshape(-1, *(1,) * (each.ndim - 1))).sum(axis=tuple(range(1, each.ndim)))
            for each in (counts.sum(axis=1), counts.sum(axis=2), counts)
        )
        total = -float(np.sum(n * entropy_gap))
        if total <= 1e-12 * float(np.sum(n)):
            return None
        mutual = float(np.sum(n * (entropy_both - entropy_gap - entropy_metric)))
        return min(1.0, max(0.0, mutual / total))


def _of_grid(grid: Grid, permutations: int, seed: int) -> tuple[tuple[object, ...], str | None]:
    generator = np.random.Generator(np.random.PCG64(seed))
    n_all = len(grid.gap)
    chosen = np.arange(n_all)
    if n_all > MOST_CONFIGURATIONS:
        chosen = np.sort(generator.choice(n_all, MOST_CONFIGURATIONS, replace=False))
    value, gap, levels = grid.value[chosen], grid.gap[chosen], grid.levels[chosen]
    n = len(chosen)
    first, second = np.triu_indices(n, k=1)
    metric_signs, gap_signs = np.sign(value[first] - value[second]), np.sign(gap[first] - gap[second])
    n_kept = int(np.count_nonzero(metric_signs * gap_signs))
    counts = (n_all, n_kept, len(first) - n_kept)
    if n < FEWEST_CONFIGURATIONS:
        return (*(None,) * 7, *counts), f"{n} configurations and it needs {FEWEST_CONFIGURATIONS}"
    tau = float(np.sum(metric_signs * gap_signs)) / len(first)
    sets = [axes for size in range(3) for axes in combinations(range(len(grid.axes)), size)]
    cells = {axes: Cells(_joint(levels, axes), first, second) for axes in sets}
    found = {axes: each.information(*_compared(metric_signs, gap_signs)) for axes, each in cells.items()}
    existing = {axes: each for axes, each in found.items() if each is not None}
    if not existing:
        return (*(None,) * 6, tau, *counts), "metric or gap is the same in all configurations"
    smallest = min(existing, key=lambda axes: existing[axes])
    null = []
    for _ in range(permutations):
        dealt = value[generator.permutation(n)]
        compared = _compared(np.sign(dealt[first] - dealt[second]), gap_signs)
        of_sets = [each.information(*compared) for axes, each in cells.items() if axes in existing]
        null.append(min((each for each in of_sets if each is not None), default=0.0))
    k = existing[smallest]
    conditioned = ", ".join(grid.axes[place] for place in smallest) or "nothing"
    p_value = (1 + sum(each >= k - 1e-12 for each in null)) / (1 + permutations)
    null_mean, null_high = float(np.mean(null)), float(np.quantile(null, 0.95))
    return (k, conditioned, null_mean, null_high, p_value, found[()], tau, *counts), None


def _compared(metric_signs: FloatArray, gap_signs: FloatArray) -> tuple[IntArray, BoolArray]:
    """Both signs of each pair as one number, and which pairs are without a tie."""
    return 2 * (metric_signs > 0) + (gap_signs > 0), metric_signs * gap_signs != 0


def _joint(levels: IntArray, axes: tuple[int, ...]) -> IntArray:
    if not axes:
        return np.zeros(len(levels), dtype=np.int64)
    number: IntArray = np.unique(levels[:, list(axes)], axis=0, return_inverse=True)[1].reshape(-1)
    return number


def _x_log_x(share: FloatArray) -> FloatArray:
    made: FloatArray = np.where(share > 0, share * np.log2(np.where(share > 0, share, 1.0)), 0.0)
    return made
