"""The paired numbers of the paper's claims that no other question answers. Finishes `claim_contrasts`."""

from __future__ import annotations

from collections.abc import Callable

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
from sensdb.analysis.statistics.known_metrics import NOISE, covered
from sensdb.analysis.statistics.partial_correlation import partial, resampled, resampled_once
from sensdb.analysis.statistics.proportions import wilson_interval
from sensdb.analysis.statistics.quantile_slope import quantile_slopes
from sensdb.analysis.statistics.ranks import is_constant, midranks

NAMES = ("dataset", "contrast", "estimate", "low", "high", "n_clusters", "unit", "measure")
MEANS = {
    "anchor_transitions": "transitions, training points / random path",
    "between_transitions": "transitions, between points / random path",
    "same_class_norm": "log10 norm between points, same class - different",
    "same_class_transitions": "transitions, same class / different",
    "regions": "boundaries at points / mean, after / before",
    "regions_before": "boundaries at points / mean, before",
    "last_decile": "accuracy, top norm decile - overall",
    "confident_wrong": "5 % quantile of log10 norm, top loss decile - middle",
    "random_auroc": "AUROC of random numbers",
}
MEDIAN, LOWER = "anchor_norm", "anchor_lower"
RIVALS = {
    "norm_over_transitions": "transitions",
    "norm_over_transitions_per_unit": "transitions_per_unit",
    "norm_over_train_loss": "train_loss",
    "norm_over_logit_norm": "logit_jacobian_norm",
}
SIGNED = ("norm_over_logit_norm",)
"""Compared by rho itself; the others by |rho|, since they say that a rival orders the gap in no direction."""
PARTIALS = {
    "transitions_net_of_units": ("transitions", ("n_hidden_units",)),
    "norm_net_of_confidence": ("jacobian_norm", ("doubt", "train_loss")),
}
SLOPE_DRAWS = 200
Row = tuple[object, ...]
Ends = tuple[float, float] | None


def claim_contrasts(columns: Columns, *, draws: int = bootstrap.DRAWS, seed: int = bootstrap.SEED) -> Finished:
    """Numbers of paper.md 14 with intervals by drawing configurations.

    Means over models of what is a difference or ratio within a model (rows 2 to 4, 17, 18 and 24); the median of one
    and the share of models in which it is positive, with Wilson's interval over configurations (1); differences of two
    correlations with the gap over the same models (13, 15, 16) and correlations net of controls (13, 20), ranks held;
    the slope of the 5 % quantile of the gap in log10 of the number of parameters (14); how often an interval holds 0
    where the norm says nothing, with Wilson's over the deals (24, `known_metrics.covered`); the correlation of the gap
    with itself and noise of a fifth of its spread (25).

    Args:
        columns: one row a model: dataset, configuration, gap, the metrics, and the columns of MEANS; NaN where missing.
        draws: resamples; of the slope a tenth, each of which is a fit.
        seed: of the resamples, the dealing and the noise.

    Returns:
        One row a data set and contrast that has a model; a number that does not exist is None.
    """
    rows: list[Row] = []
    configuration = coded(columns, "configuration")[0]
    gap, norm = reals(columns, "gap"), reals(columns, "jacobian_norm")
    for (dataset,), at in groups(columns, ("dataset",)):
        found: list[tuple[str, float | None, Ends, int, str, str]] = []
        for name in (*MEANS, MEDIAN):
            value = reals(columns, name)[at]
            kept = np.isfinite(value)
            if np.any(kept):
                cluster = renumbered(configuration[at[kept]])[0]
                found += _within_models(name, value[kept], cluster, draws, seed)
        for name, rival in RIVALS.items():
            kept = _present(at, gap, norm, reals(columns, rival))
            if len(kept) >= 3:
                cluster = renumbered(configuration[kept])[0]
                values = np.stack([gap[kept], norm[kept], reals(columns, rival)[kept]])
                number, ends = rank_difference(values, cluster, signed=name in SIGNED, draws=draws, seed=seed)
                measure = f"{'rho' if name in SIGNED else '|rho|'} norm - {rival}"
                found.append((name, number, ends, int(cluster.max()) + 1, "configurations", measure))
        for name, (metric, controls) in PARTIALS.items():
            both = [reals(columns, each) for each in (metric, *controls)]
            kept = _present(at, gap, *both)
            if len(kept) >= 3 + len(controls):
                cluster = renumbered(configuration[kept])[0]
                values = np.stack([gap[kept], *(each[kept] for each in both)])
                number, ends = net_correlation(values, cluster, draws=draws, seed=seed)
                measure = f"rho {metric} net of {', '.join(controls)}"
                found.append((name, number, ends, int(cluster.max()) + 1, "configurations", measure))
        kept = _present(at, gap, norm)
        if len(kept) >= 3:
            found += _of_configurations(columns, kept, configuration[kept], draws, seed)
        rows += [(dataset, name, number, *(ends or (None, None)), *about) for name, number, ends, *about in found]
    return Finished({name: [row[place] for row in rows] for place, name in enumerate(NAMES)})


def rank_difference(
    values: FloatArray, cluster: IntArray, *, signed: bool, draws: int, seed: int
) -> tuple[float | None, Ends]:
    """Spearman of rows 0 and 1 of `values` [3, n] less that of rows 0 and 2, and its interval."""

    def apart(correlations: FloatArray) -> FloatArray:
        both = correlations[:, 0, 1:]
        both = both if signed else np.abs(both)
        made: FloatArray = both[:, 0] - both[:, 1]
        return made

    return _of_ranks(values, cluster, apart, draws, seed)


def net_correlation(values: FloatArray, cluster: IntArray, *, draws: int, seed: int) -> tuple[float | None, Ends]:
    """Partial Spearman of rows 0 and 1 of `values` [2 + controls, n] net of the others, and its interval."""
    return _of_ranks(values, cluster, partial, draws, seed)


def _of_ranks(
    values: FloatArray, cluster: IntArray, of: Callable[[FloatArray], FloatArray], draws: int, seed: int
) -> tuple[float | None, Ends]:
    """What `of` makes of the rank correlations of the rows; ranks are those of the whole sample in every resample."""
    if any(is_constant(each) for each in values):
        return None, None
    ranks = np.stack([midranks(each) for each in values])
    number, ends = float(of(resampled_once(ranks))[0]), None
    if not np.isfinite(number):
        return None, None
    if int(cluster.max()) + 1 >= bootstrap.FEWEST_CLUSTERS:
        ends = bootstrap.percentile_interval(of(resampled(ranks, cluster, draws=draws, seed=seed)))
    return number, ends


def _present(at: IntArray, *columns: FloatArray) -> IntArray:
    """The rows among `at` that have all of the columns."""
    made: IntArray = at[np.all([np.isfinite(each[at]) for each in columns], axis=0)]
    return made


def _within_models(
    name: str, value: FloatArray, cluster: IntArray, draws: int, seed: int
) -> list[tuple[str, float | None, Ends, int, str, str]]:
    """The contrasts of one number a model: its mean, or its median and the share of models where it is positive."""
    n = int(cluster.max()) + 1
    if name != MEDIAN:
        ends = bootstrap.mean_interval(value, cluster, draws=draws, seed=seed)
        return [(name, float(np.mean(value)), ends, n, "configurations", MEANS[name])]
    ends = bootstrap.cluster_median_interval(value, cluster, draws=draws, seed=seed)
    share = float(np.mean(value > 0))
    return [
        (MEDIAN, float(np.median(value)), ends, n, "configurations", "median log10 norm, random - training points"),
        (LOWER, share, wilson_interval(share, n), n, "configurations", "share of models, training points lower"),
    ]


def _of_configurations(
    columns: Columns, kept: IntArray, configuration: IntArray, draws: int, seed: int
) -> list[tuple[str, float | None, Ends, int, str, str]]:
    """The envelope over means of configurations, and both controls."""
    cluster = renumbered(configuration)[0]
    n = int(cluster.max()) + 1

    def mean(name: str) -> FloatArray:
        made: FloatArray = np.bincount(cluster, reals(columns, name)[kept]) / np.bincount(cluster)
        return made

    made: list[tuple[str, float | None, Ends, int, str, str]] = []
    gap, size = np.round(mean("gap"), 12), np.log10(mean("n_parameters"))
    if n >= bootstrap.FEWEST_CLUSTERS and not is_constant(size) and not is_constant(gap):
        whole = float(quantile_slopes(size, gap, np.ones((1, n)))[0])
        blocks = bootstrap.drawn_counts(n, draws=min(draws, SLOPE_DRAWS), seed=seed)
        ends = bootstrap.percentile_interval(np.concatenate([quantile_slopes(size, gap, each) for each in blocks]))
        measure = "slope of the gap's 5 % quantile, a decade of parameters"
        made.append(("envelope", whole, ends, n, "configurations", measure))
    of_models = reals(columns, "gap")[kept]
    n_held, n_deals = covered(reals(columns, "jacobian_norm")[kept], of_models, cluster, seed=seed)
    if n_deals:
        share = n_held / n_deals
        measure = "share of intervals of a dealt gap that hold 0"
        made.append(("coverage", share, wilson_interval(share, n_deals), n_deals, "deals", measure))
    if n >= 3 and not is_constant(gap):
        noise = np.random.Generator(np.random.PCG64(seed)).normal(size=n)
        noisy = gap + NOISE * np.std(gap) * noise
        rho = float(resampled_once(np.stack([midranks(noisy), midranks(gap)]))[0, 0, 1])
        ends = bootstrap.spearman_intervals([(noisy, gap, np.arange(n))], draws=draws, seed=seed)[0]
        made.append(("noisy_gap", rho, ends, n, "configurations", "spearman of the gap with noise"))
    return made
