"""Does one choice lower a metric when nothing else changes? Finishes the saved query `factor_pairs`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sensdb.analysis.statistics import bootstrap
from sensdb.analysis.statistics.factors import FACTORS, field_codes, settings
from sensdb.analysis.statistics.finished import Columns, Finished, FloatArray, IntArray, groups, reals
from sensdb.analysis.statistics.multiplicity import benjamini_hochberg
from sensdb.analysis.statistics.proportions import sign_test, wilson_interval


@dataclass(frozen=True)
class PairComparison:
    """What matched pairs say about one metric; each pair is one setting.

    Attributes:
        share: of pairs whose expected side is lower, ties as halves; 0 .. 1.
        p_value: of the two-sided sign test without ties; None where all tie.
        ratio: median of higher side / lower side over pairs where both are positive; None without one.
    """

    n_pairs: int
    n_ties: int
    share: float
    share_interval: tuple[float, float] | None
    p_value: float | None
    ratio: float | None
    ratio_interval: tuple[float, float] | None


def factor_pairs(columns: Columns, *, draws: int = bootstrap.DRAWS, seed: int = bootstrap.SEED) -> Finished:
    """Matched pairs of each factor: share in the expected direction, sign test, median ratio, q value.

    A setting is everything in a spec but the factor and the seed. Each setting that has models on both sides gives
    one pair: the mean over configurations of their seed means on one side against that on the other (paper.md 4c
    and 13). Ties count half in the share and nowhere in the test. Pairs of augmentation whose augmented side has
    no higher test accuracy are left out: augmentation that did not work tests nothing (paper.md 2).

    Args:
        columns: one row a configuration and metric: dataset, metric, value and test_accuracy (means over seeds)
            and the fields of `factors.SPEC_FIELDS`.
        draws: resamples of the interval of the median ratio, pairs drawn with replacement.
        seed: of the resamples.

    Returns:
        One row a data set, factor and metric that has a pair, data sets in order of appearance. q values are over
        all rows; ratio_median is the higher side over the lower one, above 1 as expected.
    """
    value, accuracy = reals(columns, "value"), reals(columns, "test_accuracy")
    fields = field_codes(columns)
    by_factor = [
        (factor, settings(fields, factor), factor.lower(columns), factor.higher(columns)) for factor in FACTORS
    ]
    by_metric = groups(columns, ("dataset", "metric"))
    made: list[tuple[str | None, str, str, str, str | None, PairComparison]] = []
    notes: list[str] = []
    for dataset in dict.fromkeys(key[0] for key, _ in by_metric):
        for factor, setting, lower, higher in by_factor:
            n_before = len(made)
            for metric, at in [(key[1], at) for key, at in by_metric if key[0] == dataset]:
                rows_lower, rows_higher = at[lower[at]], at[higher[at]]
                pairs = pair_means(value, setting, rows_lower, rows_higher)
                if factor.name == "augmentation":
                    test = pair_means(np.where(np.isfinite(value), accuracy, np.nan), setting, rows_lower, rows_higher)
                    rose = test[:, 0] > test[:, 1]
                    pairs = pairs[rose]
                    if not np.all(rose):
                        n_left = int(np.sum(~rose))
                        notes.append(
                            f"{dataset}, augmentation, {metric}: {n_left} pairs without a rise in test accuracy."
                        )
                if len(pairs):
                    comparison = compare_pairs(pairs, draws=draws, seed=seed)
                    sides = (factor.expected_lower, factor.expected_higher)
                    made.append((dataset, factor.name, *sides, metric, comparison))
            if len(made) == n_before:
                notes.append(
                    f"{dataset}: no pairs for {factor.name}, {factor.expected_lower} against {factor.expected_higher}."
                )
    return Finished(_columns(made), tuple(notes))


def pair_means(value: FloatArray, setting: IntArray, lower: IntArray, higher: IntArray) -> FloatArray:
    """One pair for each setting with rows on both sides.

    Args:
        value: of all rows, [n]; NaN where missing, which drops the row.
        setting: of all rows, [n].
        lower, higher: positions of the rows on each side.

    Returns:
        [pairs, 2]: mean of the lower side, mean of the higher side, by setting.
    """
    lower, higher = lower[np.isfinite(value[lower])], higher[np.isfinite(value[higher])]
    shared = np.intersect1d(setting[lower], setting[higher])
    sides = []
    for rows in (lower, higher):
        rows = rows[np.isin(setting[rows], shared)]
        place = np.searchsorted(shared, setting[rows])
        counts = np.bincount(place, minlength=len(shared))
        sides.append(np.bincount(place, weights=value[rows], minlength=len(shared)) / np.maximum(counts, 1))
    return np.stack(sides, axis=1)


def compare_pairs(pairs: FloatArray, *, draws: int = bootstrap.DRAWS, seed: int = bootstrap.SEED) -> PairComparison:
    """Share, test and ratio of pairs [pairs, 2] of lower and higher side, at least one."""
    lower, higher = pairs[:, 0], pairs[:, 1]
    # Means of the same accuracies over seeds in another order differ in their last bit; that is a tie.
    tied = np.isclose(lower, higher, rtol=1e-12, atol=0.0)
    n, n_below, n_above = len(pairs), int(np.sum((lower < higher) & ~tied)), int(np.sum((lower > higher) & ~tied))
    n_ties = n - n_below - n_above
    share = (n_below + n_ties / 2) / n
    positive = (lower > 0) & (higher > 0)
    ratios = higher[positive] / lower[positive]
    return PairComparison(
        n,
        n_ties,
        share,
        wilson_interval(share, n),
        sign_test(n_below, n_above),
        float(np.median(ratios)) if len(ratios) else None,
        bootstrap.median_interval(ratios, draws=draws, seed=seed),
    )


def _columns(
    made: list[tuple[str | None, str, str, str, str | None, PairComparison]],
) -> dict[str, list[object]]:
    comparisons = [row[5] for row in made]
    return {
        "dataset": [row[0] for row in made],
        "factor": [row[1] for row in made],
        "expected_lower": [row[2] for row in made],
        "metric": [row[4] for row in made],
        "n_pairs": [pairs.n_pairs for pairs in comparisons],
        "share_expected": [pairs.share for pairs in comparisons],
        "ratio_median": [pairs.ratio for pairs in comparisons],
        "p_value": [pairs.p_value for pairs in comparisons],
        "q_value": list(benjamini_hochberg([pairs.p_value for pairs in comparisons])),
        "expected_higher": [row[3] for row in made],
        "share_low": [pairs.share_interval and pairs.share_interval[0] for pairs in comparisons],
        "share_high": [pairs.share_interval and pairs.share_interval[1] for pairs in comparisons],
        "ratio_low": [pairs.ratio_interval and pairs.ratio_interval[0] for pairs in comparisons],
        "ratio_high": [pairs.ratio_interval and pairs.ratio_interval[1] for pairs in comparisons],
        "n_ties": [pairs.n_ties for pairs in comparisons],
    }
