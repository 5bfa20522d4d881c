"""Does a metric go with the gap along each axis alone? Finishes the saved query `axis_correlation`."""

from __future__ import annotations

import numpy as np

from sensdb.analysis.statistics import bootstrap
from sensdb.analysis.statistics.axes import Grid, grids, lines, pairs_on_lines
from sensdb.analysis.statistics.finished import Columns, Finished, FloatArray, IntArray, joined
from sensdb.analysis.statistics.known_metrics import with_known
from sensdb.analysis.statistics.proportions import wilson_interval

NAMES = (
    "dataset", "metric", "axis", "psi", "psi_low", "psi_high", "null_high", "n_lines", "n_configurations", "n_pairs",
    "n_ties",
)  # fmt: skip
PERMUTATIONS = 200
ALL, WIDE = "all", "all with lines enough"


def axis_correlation(
    columns: Columns, *, known: str = "none", draws: int = bootstrap.DRAWS, seed: int = bootstrap.SEED
) -> Finished:
    """Jiang et al.'s granulated Kendall coefficients, psi of each axis and their mean Psi (paper.md 11).

    tau(T) = 1/(|T|(|T|-1)) sum over a != b of sign(mu_a - mu_b) sign(g_a - g_b), a tie counting 0; psi_i is the mean
    of tau over the lines on which axis i alone varies, Psi = (1/m) sum_i psi_i. Metric and gap are means over
    replicas. Lines of one configuration say nothing and are left out; each line weighs the same, and each axis.

    Args:
        columns: as `axes.grids` takes them.
        known: as `known_metrics.with_known` takes it: none, or the metric to put in the metric's place.
        draws: resamples of the intervals, lines drawn with replacement within their axis.
        seed: of the resamples and the permutations.

    Returns:
        One row a data set, metric and axis, and one of axis `all` that holds Psi. Where some axes have too few lines
        for an interval, so has Psi; one more row, WIDE, then holds the mean over the other axes and its interval.
        null_high is the 95 % quantile of
        the same number where the metric is dealt anew to the configurations, 200 times. n_ties counts pairs that
        tie in metric or gap.
    """
    rows: list[tuple[object, ...]] = []
    said: list[tuple[str, str, str]] = []
    for grid in grids(with_known(columns, known, seed)):
        made = _of_grid(grid, draws, seed)
        rows += made
        about = (grid.dataset, grid.metric)
        if grid.n_without:
            said.append((*about, f"{grid.n_without} models without a value are left out"))
        if not made:
            said.append((*about, f"no line of {len(grid.gap)} configurations on which one spec field alone varies"))
        elif any(row[4] is None for row in made):
            said.append((*about, f"no interval where an axis has fewer than {bootstrap.FEWEST_CLUSTERS} lines"))
    return Finished({name: [row[place] for row in rows] for place, name in enumerate(NAMES)}, tuple(joined(said)))


def taus(value: FloatArray, gap: FloatArray, line: IntArray) -> FloatArray:
    """Kendall's tau-a of each line that has two configurations or more, [lines]; a tie counts 0."""
    a, b = pairs_on_lines(line)
    agreement = np.sign(value[a] - value[b]) * np.sign(gap[a] - gap[b])
    n = np.bincount(line[a], minlength=int(line.max()) + 1)
    made: FloatArray = np.bincount(line[a], weights=agreement, minlength=len(n))[n > 0] / n[n > 0]
    return made


def _of_grid(grid: Grid, draws: int, seed: int) -> list[tuple[object, ...]]:
    generator = np.random.Generator(np.random.PCG64(seed))
    shuffled = [generator.permutation(grid.value) for _ in range(PERMUTATIONS)] if grid.axes else []
    rows: list[tuple[object, ...]] = []
    psis: list[float] = []
    counted: list[tuple[int, int, int]] = []  # lines, pairs and ties of each axis
    resampled, null = [], []
    for place, axis in enumerate(grid.axes):
        line = lines(grid.levels, place)
        a, b = pairs_on_lines(line)
        if len(a) == 0:
            continue
        along = taus(grid.value, grid.gap, line)
        weight = np.sign(grid.gap[a] - grid.gap[b]) / (np.bincount(line[a])[line[a]] * len(along))
        null.append(np.array([np.sum(np.sign(each[a] - each[b]) * weight) for each in shuffled]))
        blocks = bootstrap.drawn_counts(len(along), draws=draws, seed=seed + place)
        resampled.append(np.concatenate([counts @ along for counts in blocks]) / len(along))
        interval = None
        if len(along) >= bootstrap.FEWEST_CLUSTERS:
            interval = _interval(resampled[-1], float(np.mean(along)), len(along))
        ties = (grid.value[a] == grid.value[b]) | (grid.gap[a] == grid.gap[b])
        low, high = interval or (None, None)
        counted.append((len(along), len(a), int(np.sum(ties))))
        counts_of = (len(along), len(np.unique(np.concatenate([a, b]))), *counted[-1][1:])
        psi, null_high = float(np.mean(along)), float(np.quantile(null[-1], 0.95))
        psis.append(psi)
        rows.append((grid.dataset, grid.metric, axis, psi, low, high, null_high, *counts_of))
    if not rows:
        return []
    made = [*rows, _mean_of((grid.dataset, grid.metric, ALL), psis, resampled, null, counted, len(grid.gap))]
    wide = [place for place, row in enumerate(rows) if row[4] is not None]
    if 0 < len(wide) < len(rows):
        about, chosen = (grid.dataset, grid.metric, WIDE), [psis[place] for place in wide]
        drawn, of_null = [resampled[place] for place in wide], [null[place] for place in wide]
        made.append(_mean_of(about, chosen, drawn, of_null, [counted[place] for place in wide], len(grid.gap)))
    return made


def _mean_of(
    about: tuple[str, str, str],
    psis: list[float],
    resampled: list[FloatArray],
    null: list[FloatArray],
    counted: list[tuple[int, int, int]],
    n: int,
) -> tuple[object, ...]:
    """The row of a mean over axes; without an interval where an axis has fewer than FEWEST_CLUSTERS lines."""
    enough = min(lines for lines, _, _ in counted) >= bootstrap.FEWEST_CLUSTERS
    n_lines, n_pairs, n_ties = (sum(each) for each in zip(*counted, strict=True))
    psi, null_high = float(np.mean(psis)), float(np.quantile(np.mean(null, axis=0), 0.95))
    whole = _interval(np.mean(resampled, axis=0), psi, n_lines) if enough else None
    return (*about, psi, *(whole or (None, None)), null_high, n_lines, n, n_pairs, n_ties)


def _interval(resampled: FloatArray, psi: float, n_lines: int) -> tuple[float, float] | None:
    """The resamples' interval; where every line has tau 1, or -1, that has no width, and Wilson's of lines stands."""
    ends = wilson_interval((psi + 1) / 2, n_lines) if abs(psi) == 1 else None
    return bootstrap.percentile_interval(resampled) if ends is None else (2 * ends[0] - 1, 2 * ends[1] - 1)
