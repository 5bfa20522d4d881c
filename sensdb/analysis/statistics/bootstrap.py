"""Intervals by drawing configurations with replacement, all their seeds with them (paper.md 13).

Seeds of one configuration are alike, so drawing models one by one makes intervals too narrow: there, a 95 % interval
of a correlation that is not there missed 0 in 29.5 % of cases by models and in 6.0 % by configurations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sensdb.analysis.statistics.finished import FloatArray, IntArray
from sensdb.analysis.statistics.influence import spearman_influence
from sensdb.analysis.statistics.proportions import NORMAL_975
from sensdb.analysis.statistics.ranks import TieGroups, tie_groups

DRAWS = 2000
SEED = 0
CONFIDENCE = 0.95
FEWEST_CLUSTERS = 5
"""Below it no interval is given: five clusters have 126 different resamples, four have 35."""
RERANKED = 1000
"""Up to so many rows every resample is ranked anew; above it correlations are taken to first order (`influence`)."""
MANY_CLUSTERS = 500
"""Above so many configurations, and RERANKED rows, a first-order interval is its normal limit: no draws are made."""
LIMIT_METHOD = f"; their normal limit above {RERANKED} models and {MANY_CLUSTERS} configurations"
METHOD = "percentiles of {draws} draws of configurations, seed {seed}"

_BLOCK = 1_000_000  # numbers held at a time: weights, ranks and products of a block stay in tens of MB


def cluster_weights(cluster: IntArray, *, draws: int, seed: int) -> Iterator[FloatArray]:
    """How often each row is in each resample, blocks of resamples at a time.

    Args:
        cluster: number of each row's cluster, 0 .. clusters - 1, [n].
        draws: resamples in all.
        seed: of numpy's PCG64; equal seeds and clusters give equal resamples.

    Returns:
        Blocks [D, n] of whole numbers as float64, D summing to `draws`. A row weighs what its cluster was drawn.
    """
    n_clusters = int(cluster.max()) + 1
    for counts in drawn_counts(n_clusters, draws=draws, seed=seed, rows_a_block=max(1, _BLOCK // len(cluster))):
        yield counts[:, cluster]


def drawn_counts(n_clusters: int, *, draws: int, seed: int, rows_a_block: int | None = None) -> Iterator[FloatArray]:
    """How often each cluster is drawn in each resample, [D, clusters] whole numbers, D summing to `draws`.

    The draws depend on the number of clusters and the seed alone, not on the size of the blocks.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    block = max(1, min(_BLOCK // n_clusters, rows_a_block or draws))
    for first in range(0, draws, block):
        rows = min(block, draws - first)
        drawn = generator.integers(0, n_clusters, size=(rows, n_clusters))
        drawn += np.arange(rows)[:, None] * n_clusters
        counts = np.bincount(drawn.ravel(), minlength=rows * n_clusters).reshape(rows, n_clusters)
        yield counts.astype(np.float64)


def spearman_intervals(
    problems: Sequence[tuple[FloatArray, FloatArray, IntArray]], *, draws: int = DRAWS, seed: int = SEED
) -> list[tuple[float, float] | None]:
    """The interval of each of many correlations, as `spearman_interval` gives it where rows are few.

    Above RERANKED rows the correlation of a resample is taken to first order, on Fisher's scale:
    tanh(atanh rho + d / (1 - rho^2)), d the weighted mean of the rows' influences. Its quantiles are those of the
    draws, or with more than MANY_CLUSTERS configurations those of d's normal limit, whose variance is the sum over
    configurations of their squared sums of influences, over n^2.

    Args:
        problems: x, y and cluster of each, as `spearman_interval` takes them.
    """
    made: list[tuple[float, float] | None] = [None] * len(problems)
    many: dict[int, list[int]] = {}
    for place, (x, y, cluster) in enumerate(problems):
        if len(x) <= RERANKED:
            made[place] = spearman_interval(x, y, cluster, draws=draws, seed=seed)
        elif int(cluster.max()) + 1 >= FEWEST_CLUSTERS:
            many.setdefault(int(cluster.max()) + 1, []).append(place)
    for n_clusters, places in many.items():
        found = [(place, spearman_influence(*problems[place][:2])) for place in places]
        kept = [(place, *each) for place, each in found if each is not None]
        for (place, rho, _), ends in zip(kept, _first_order(kept, problems, n_clusters, draws, seed), strict=True):
            if abs(rho) == 1.0:
                made[place] = (rho, rho)
            elif ends is not None:
                low, high = np.tanh(np.arctanh(rho) + ends / (1 - rho * rho))
                made[place] = (float(low), float(high))
    return made


def _first_order(
    kept: Sequence[tuple[int, float, FloatArray]],
    problems: Sequence[tuple[FloatArray, FloatArray, IntArray]],
    n_clusters: int,
    draws: int,
    seed: int,
) -> list[FloatArray | None]:
    """The 95 % interval of the weighted mean influence, [2] for each problem."""
    sums = np.empty((n_clusters, 2 * len(kept)))
    for column, (place, _, influence) in enumerate(kept):
        cluster = problems[place][2]
        sums[:, 2 * column] = np.bincount(cluster, weights=influence, minlength=n_clusters)
        sums[:, 2 * column + 1] = np.bincount(cluster, minlength=n_clusters)
    if n_clusters > MANY_CLUSTERS:
        half = NORMAL_975 * np.sqrt(np.sum(sums[:, ::2] ** 2, axis=0)) / np.sum(sums[:, 1::2], axis=0)
        return [np.array([-each, each]) for each in half]
    return [None if each is None else np.array(each) for each in _ratio_intervals(sums, draws, seed)]


def _ratio_intervals(sums: FloatArray, draws: int, seed: int) -> list[tuple[float, float] | None]:
    """Intervals of ratios of sums over clusters, drawn once for all of them.

    Args:
        sums: [clusters, 2 k], numerator and denominator of each ratio in each cluster.
    """
    drawn = np.concatenate([counts @ sums for counts in drawn_counts(len(sums), draws=draws, seed=seed)])
    return [percentile_interval(drawn[:, place] / drawn[:, place + 1]) for place in range(0, sums.shape[1], 2)]


def spearman_interval(
    x: FloatArray, y: FloatArray, cluster: IntArray, *, draws: int = DRAWS, seed: int = SEED
) -> tuple[float, float] | None:
    """Percentile interval of Spearman's correlation, every resample ranked anew.

    A resample is a weight for each row, so its midranks are running sums of weights in the order sorted once:
    n steps a resample and no sorting. Ranks kept from the whole sample would be cheaper still, but leave out what
    ranking itself adds to the spread.

    Args:
        x, y: [n], finite.
        cluster: number of each row's configuration, 0 .. clusters - 1, [n].

    Returns:
        Low and high end of the 95 % interval; None with fewer than 5 clusters, or where over a twentieth of the
        resamples hold one value only.
    """
    if len(x) == 0 or int(cluster.max()) + 1 < FEWEST_CLUSTERS:
        return None
    ties_x, ties_y = tie_groups(x), tie_groups(y)
    estimates = [
        _weighted_spearman(weights, ties_x, ties_y) for weights in cluster_weights(cluster, draws=draws, seed=seed)
    ]
    return percentile_interval(np.concatenate(estimates))


def mean_interval(
    values: FloatArray, cluster: IntArray, *, draws: int = DRAWS, seed: int = SEED
) -> tuple[float, float] | None:
    """Percentile interval of a mean over rows, clusters drawn with all their rows.

    Args:
        values: [n], finite.
        cluster: number of each row's configuration, 0 .. clusters - 1, [n].

    Returns:
        Low and high end of the 95 % interval; None with fewer than 5 clusters.
    """
    return mean_intervals([(values, cluster)], draws=draws, seed=seed)[0]


def mean_intervals(
    problems: Sequence[tuple[FloatArray, IntArray]], *, draws: int = DRAWS, seed: int = SEED
) -> list[tuple[float, float] | None]:
    """`mean_interval` of each of many means; those of equally many clusters share their draws.

    A resample's mean is the drawn clusters' sums over their sizes, so that rows are added up once and not a resample.

    Args:
        problems: values and cluster of each, as `mean_interval` takes them.
    """
    made: list[tuple[float, float] | None] = [None] * len(problems)
    alike: dict[int, list[int]] = {}
    for place, (values, cluster) in enumerate(problems):
        if len(values) and int(cluster.max()) + 1 >= FEWEST_CLUSTERS:
            alike.setdefault(int(cluster.max()) + 1, []).append(place)
    for n_clusters, places in alike.items():
        columns = [
            np.bincount(cluster, weights=weights, minlength=n_clusters)
            for values, cluster in (problems[place] for place in places)
            for weights in (values, None)
        ]
        intervals = _ratio_intervals(np.stack(columns, axis=1).astype(np.float64), draws, seed)
        for place, interval in zip(places, intervals, strict=True):
            made[place] = interval
    return made


def median_interval(values: FloatArray, *, draws: int = DRAWS, seed: int = SEED) -> tuple[float, float] | None:
    """Percentile interval of a median over independent values [n]; None with fewer than 5."""
    n = len(values)
    if n < FEWEST_CLUSTERS:
        return None
    generator = np.random.Generator(np.random.PCG64(seed))
    rows_a_block = max(1, _BLOCK // n)
    blocks = [min(rows_a_block, draws - first) for first in range(0, draws, rows_a_block)]
    estimates = [np.median(values[generator.integers(0, n, size=(rows, n))], axis=1) for rows in blocks]
    return percentile_interval(np.concatenate(estimates))


def weighted_medians(values: FloatArray, weights: FloatArray) -> FloatArray:
    """The median of `values` [n] under each row of whole-number weights [D, n], as if each stood there that often; [D].

    The mean of both middle values where the weights sum to an even number, as of any median; NaN where they sum to 0.
    """
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[:, order], axis=1)
    total = running[:, -1]
    lower = np.sum(running < np.ceil(total / 2)[:, None], axis=1)
    upper = np.sum(running < np.floor(total / 2 + 1)[:, None], axis=1)
    last = len(values) - 1
    made = (values[order[np.minimum(lower, last)]] + values[order[np.minimum(upper, last)]]) / 2
    return np.where(total > 0, made, np.nan)


def cluster_median_interval(
    values: FloatArray, cluster: IntArray, *, draws: int = DRAWS, seed: int = SEED
) -> tuple[float, float] | None:
    """Percentile interval of a median over rows, clusters drawn with all their rows; as `mean_interval` else."""
    if len(values) == 0 or int(cluster.max()) + 1 < FEWEST_CLUSTERS:
        return None
    blocks = cluster_weights(cluster, draws=draws, seed=seed)
    return percentile_interval(np.concatenate([weighted_medians(values, weights) for weights in blocks]))


def percentile_interval(estimates: FloatArray) -> tuple[float, float] | None:
    """The central 95 % of resampled estimates; None where more than a twentieth of them do not exist (NaN)."""
    existing = estimates[np.isfinite(estimates)]
    if len(existing) < 0.95 * len(estimates) or len(existing) == 0:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(existing, [tail, 1 - tail])
    return float(low), float(high)


def _weighted_spearman(weights: FloatArray, x: TieGroups, y: TieGroups) -> FloatArray:
    """Spearman's correlation of each resample, [D]; NaN where one of its columns is constant."""
    total = np.sum(weights, axis=1)  # [D]
    ranks_x, square_x = _weighted_midranks(weights, x)
    ranks_y, square_y = _weighted_midranks(weights, y)
    mean_square = total * ((total + 1) / 2) ** 2  # of midranks, whatever the ties
    covariance = np.sum(weights * ranks_x * ranks_y, axis=1) - mean_square
    variance_x, variance_y = square_x - mean_square, square_y - mean_square
    # Variances of whole and half numbers: a constant column leaves rounding only, far below the smallest real one.
    exists = np.minimum(variance_x, variance_y) > 1e-9 * mean_square
    scale = np.sqrt(np.where(exists, variance_x * variance_y, 1.0))
    return np.where(exists, np.clip(covariance / scale, -1.0, 1.0), np.nan)


def _weighted_midranks(weights: FloatArray, ties: TieGroups) -> tuple[FloatArray, FloatArray]:
    """Midranks [D, n] of the rows of each resample, and the sum of their squares over the resample [D]."""
    running = np.cumsum(weights[:, ties.order], axis=1)  # [D, n]
    until = running[:, ties.ends - 1]  # [D, groups]
    within = np.diff(until, axis=1, prepend=0.0)
    shared = until - (within - 1) / 2
    return shared[:, ties.group], np.sum(within * shared**2, axis=1)
