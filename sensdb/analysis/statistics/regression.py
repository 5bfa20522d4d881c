"""Least squares with errors that know replicas, and what a measure adds where a model was not fitted."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensdb.analysis.statistics.finished import FloatArray, IntArray

FOLDS = 5
FEW_CLUSTERS = 30


@dataclass(frozen=True)
class Slope:
    """A coefficient with its 95 % interval; `standardised` is in standard deviations of response and term."""

    term: str
    slope: float
    low: float
    high: float
    p_value: float
    standardised: float | None
    standardised_low: float | None
    standardised_high: float | None


@dataclass(frozen=True)
class Regression:
    """Slopes, what they rest on, and notes; r2 values are shares of variance explained, out of fold at most 1."""

    slopes: tuple[Slope, ...]
    n: int
    n_clusters: int
    r2: float
    r2_out_of_fold: float | None
    r2_gain: float | None
    notes: tuple[str, ...]


def regression(
    response: FloatArray, design: FloatArray, names: Sequence[str], measure: IntArray, cluster: IntArray, errors: str
) -> Regression | str:
    """Fit response ~ 1 + design (paper.md 13).

    `hc3` and `cluster` are least squares with MacKinnon and White's or cluster-robust errors by configuration; `mixed`
    has a random intercept a configuration (REML). The gain is the share of variance explained out of fold with the
    measure less that without it: 5 folds of whole configurations, 1 - sum (y - yhat)^2 / sum (y - mean of the rest)^2.

    Args:
        response: [n], finite.
        design: [n, k], finite, without a constant.
        names: of its columns.
        measure: the columns that make up the first term.
        cluster: number of each row's configuration, from 0.
        errors: hc3, cluster or mixed.

    Returns:
        The regression, or in words why there is none.
    """
    import statsmodels.api as sm

    n, k = design.shape
    n_clusters = int(cluster.max()) + 1 if n else 0
    needed = k + 3
    if n < needed or (errors != "hc3" and n_clusters < needed):
        return f"{n} models of {n_clusters} configurations and it needs {needed} of each"
    full = np.column_stack([np.ones(n), design])
    if np.std(response) == 0:
        return "the response is the same in all models"
    scaled = full / np.maximum(np.linalg.norm(full, axis=0), 1e-300)
    if np.linalg.matrix_rank(scaled, tol=1e-9) < k + 1:
        return "a term is constant, or decided by the others"
    notes = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if errors == "mixed":
            fit: Any = sm.MixedLM(response, full, groups=cluster).fit(reml=True)
        elif errors == "cluster":
            fit = sm.OLS(response, full).fit(cov_type="cluster", cov_kwds={"groups": cluster})
        else:
            fit = sm.OLS(response, full).fit(cov_type="HC3")
        ends = np.asarray(fit.conf_int())
    if errors == "mixed" and caught:
        notes.append("The mixed model's variances lie at or near 0, or its fit did not settle: compare with cluster.")
    if errors != "hc3" and n_clusters < FEW_CLUSTERS:
        notes.append(f"{n_clusters} configurations: errors by configuration want {FEW_CLUSTERS} or more.")
    spread = np.concatenate([[np.nan], np.std(design, axis=0) / np.std(response)])
    slopes = []
    for place, name in enumerate(("constant", *names)):
        numbers = (float(fit.params[place]), float(ends[place, 0]), float(ends[place, 1]))
        scaled_numbers = [None if place == 0 else number * float(spread[place]) for number in numbers]
        slopes.append(Slope(name, *numbers, float(fit.pvalues[place]), *scaled_numbers))
    rest = response - full @ np.asarray(fit.params)[: k + 1]
    r2 = 1 - float(np.sum(rest**2) / np.sum((response - response.mean()) ** 2))
    with_it = out_of_fold(response, design, cluster)
    without = out_of_fold(response, np.delete(design, measure, axis=1), cluster)
    gain = None if with_it is None or without is None else with_it - without
    return Regression(tuple(slopes), n, n_clusters, r2, with_it, gain, tuple(notes))


def out_of_fold(response: FloatArray, design: FloatArray, cluster: IntArray, *, seed: int = 0) -> float | None:
    """The share of variance explained of models whose configuration the fit has not seen; None below 5 of them."""
    n_clusters = int(cluster.max()) + 1
    if n_clusters < FOLDS:
        return None
    fold = np.random.Generator(np.random.PCG64(seed)).permutation(n_clusters)[cluster] % FOLDS
    full = np.column_stack([np.ones(len(response)), design])
    missed = total = 0.0
    for each in range(FOLDS):
        held, seen = fold == each, fold != each
        fit = np.linalg.lstsq(full[seen], response[seen], rcond=None)[0]
        missed += float(np.sum((response[held] - full[held] @ fit) ** 2))
        total += float(np.sum((response[held] - response[seen].mean()) ** 2))
    return 1 - missed / total if total > 0 else None
