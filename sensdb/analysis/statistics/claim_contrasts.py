"""The paired numbers of the paper's claims that no other question answers. Finishes `claim_contrasts`."""

from __future__ import annotations

import numpy as np

from sensdb.analysis.statistics import bootstrap
from sensdb.analysis.statistics.finished import (
    Columns,
    Finished,
    FloatArray,
    IntArray,
    coded,
    groups,
    reals,
    renumbered,
)
from sensdb.analysis.statistics.partial_correlation import resampled, resampled_once
from sensdb.analysis.statistics.ranks import is_constant, midranks

NAMES = ("dataset", "contrast", "estimate", "low", "high", "n_clusters", "unit", "measure")
MEANS = {
    "anchor_norm": "log10 norm, random path - training points",
    "anchor_transitions": "transitions, training points / random path",
    "same_class_norm": "log10 norm between points, same class - different",
    "regions": "boundaries at points / mean, after / before",
    "confident_wrong": "5 % quantile of log10 norm, top loss decile - middle",
}
RIVALS = {
    "norm_over_transitions": "transitions",
    "norm_over_train_loss": "train_loss",
    "norm_over_logit_norm": "logit_jacobian_norm",
}
SIGNED = ("norm_over_logit_norm",)
"""Compared by rho itself; the others by |rho|, since they say that a rival orders the gap in no direction."""
SLOPE_DRAWS = 200


def claim_contrasts(columns: Columns, *, draws: int = bootstrap.DRAWS, seed: int = bootstrap.SEED) -> Finished:
    """Numbers of paper.md 14 with intervals by drawing configurations.

    Means over models of what is a difference or ratio within a model (rows 1 to 4 and 18); differences of two
    correlations with the gap over the same models (13, 15, 16), ranks held; the slope of the 5 % quantile of the gap
    in log10 of the number of parameters (14); the correlation of the norm dealt anew to the configurations (24), and
    of the gap's rank with as much noise as it has spread (25).

    Args:
        columns: one row a model: dataset, configuration, gap, the metrics, and the columns of MEANS; NaN where missing.
        draws: resamples; of the slope a tenth, each of which is a fit.
        seed: of the resamples, the dealing and the noise.

    Returns:
        One row a data set and contrast that has a model.
    """
    rows: list[tuple[object, ...]] = []
    configuration = coded(columns, "configuration")[0]
    gap, norm = reals(columns, "gap"), reals(columns, "jacobian_norm")
    for (dataset,), at in groups(columns, ("dataset",)):
        for name, measure in MEANS.items():
            value = reals(columns, name)[at]
            kept = np.isfinite(value)
            if np.any(kept):
                cluster = renumbered(configuration[at[kept]])[0]
                ends = bootstrap.mean_interval(value[kept], cluster, draws=draws, seed=seed) or (None, None)
                n = int(cluster.max()) + 1
                rows.append((dataset, name, float(np.mean(value[kept])), *ends, n, "configurations", measure))
        for name, rival in RIVALS.items():
            other = reals(columns, rival)
            kept = at[np.isfinite(other[at]) & np.isfinite(gap[at]) & np.isfinite(norm[at])]
            if len(kept) >= 3:
                cluster = renumbered(configuration[kept])[0]
                values = np.stack([gap[kept], norm[kept], other[kept]])
                measure = f"{'rho' if name in SIGNED else '|rho|'} norm - {rival}"
                made = rank_difference(values, cluster, signed=name in SIGNED, draws=draws, seed=seed)
                rows.append((dataset, name, *made, int(cluster.max()) + 1, "configurations", measure))
        kept = at[np.isfinite(gap[at]) & np.isfinite(norm[at])]
        if len(kept) >= 3:
            rows += _of_configurations(str(dataset), columns, kept, configuration[kept], draws, seed)
    return Finished({name: [row[place] for row in rows] for place, name in enumerate(NAMES)})


def rank_difference(
    values: FloatArray, cluster: IntArray, *, signed: bool, draws: int, seed: int
) -> tuple[float | None, float | None, float | None]:
    """Spearman of rows 0 and 1 of `values` [3, n] less that of rows 0 and 2, and its interval."""
    if any(is_constant(each) for each in values):
        return None, None, None
    ranks = np.stack([midranks(each) for each in values])

    def apart(correlations: FloatArray) -> FloatArray:
        both = correlations[:, 0, 1:]
        both = both if signed else np.abs(both)
        made: FloatArray = both[:, 0] - both[:, 1]
        return made

    ends = None
    if int(cluster.max()) + 1 >= bootstrap.FEWEST_CLUSTERS:
        ends = bootstrap.percentile_interval(apart(resampled(ranks, cluster, draws=draws, seed=seed)))
    return (float(apart(resampled_once(ranks))[0]), *(ends or (None, None)))


def quantile_slopes(x: FloatArray, y: FloatArray, weights: FloatArray, quantile: float = 0.05) -> FloatArray:
    """The slope of a quantile of y in x, one for each row of weights [D, n], by reweighted least squares; [D].

    Koenker and Bassett's sum of w rho_q(y - a - b x), rho_q(r) = r (q - [r < 0]); |r| below 1e-4 of the spread of y
    counts as that. 100 steps come within a hundredth of the exact slope (tests).
    """
    floor = 1e-4 * (float(np.std(y)) or 1.0)
    centred = x - x.mean()
    inner = weights.astype(np.float64)
    slope = np.zeros(len(weights))
    for _ in range(100):
        total = np.sum(inner, axis=1)
        mean_x, mean_y = inner @ centred / total, inner @ y / total
        spread = inner @ (centred**2) / total - mean_x**2
        product = inner @ (centred * y) / total - mean_x * mean_y
        slope = np.where(spread > 1e-12, product / np.where(spread > 1e-12, spread, 1.0), np.nan)
        rest = y - (mean_y - slope * mean_x)[:, None] - slope[:, None] * centred
        inner = weights * np.where(rest < 0, 1 - quantile, quantile) / np.maximum(np.abs(rest), floor)
    return slope


def _of_configurations(
    dataset: str, columns: Columns, kept: IntArray, configuration: IntArray, draws: int, seed: int
) -> list[tuple[object, ...]]:
    """The contrasts over means of configurations: the envelope and both controls."""
    cluster = renumbered(configuration)[0]
    n = int(cluster.max()) + 1

    def mean(name: str) -> FloatArray:
        made: FloatArray = np.bincount(cluster, reals(columns, name)[kept]) / np.bincount(cluster)
        return made

    generator = np.random.Generator(np.random.PCG64(seed))
    gap, single = np.round(mean("gap"), 12), np.arange(n)
    rank = midranks(gap)
    metrics = {
        "random_metric": (generator.permutation(mean("jacobian_norm")), "spearman of the norm dealt anew"),
        "noisy_gap": (rank + np.std(rank) * generator.normal(size=n), "spearman of the gap with noise"),
    }
    rows: list[tuple[object, ...]] = []
    size = np.log10(mean("n_parameters"))
    if n >= bootstrap.FEWEST_CLUSTERS and not is_constant(size) and not is_constant(gap):
        whole = quantile_slopes(size, gap, np.ones((1, n)))[0]
        blocks = bootstrap.drawn_counts(n, draws=min(draws, SLOPE_DRAWS), seed=seed)
        ends = bootstrap.percentile_interval(np.concatenate([quantile_slopes(size, gap, each) for each in blocks]))
        measure = "slope of the gap's 5 % quantile, a decade of parameters"
        rows.append((dataset, "envelope", float(whole), *(ends or (None, None)), n, "configurations", measure))
    for name, (metric, measure) in metrics.items():
        if n >= 3 and not is_constant(metric) and not is_constant(gap):
            rho = float(resampled_once(np.stack([midranks(metric), rank]))[0, 0, 1])
            ends = bootstrap.spearman_intervals([(metric, gap, single)], draws=draws, seed=seed)[0]
            rows.append((dataset, name, rho, *(ends or (None, None)), n, "configurations", measure))
    return rows
