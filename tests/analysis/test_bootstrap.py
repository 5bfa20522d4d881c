"""Intervals: equal to drawing rows one by one, and right as often as they say when seeds are alike."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from sensdb.analysis.statistics import bootstrap
from sensdb.analysis.statistics.bootstrap import mean_interval, mean_intervals, median_interval, spearman_interval

CLUSTERS = np.repeat(np.arange(12), 3)


def drawn_rows(draws: int) -> list[np.ndarray]:
    """Positions of the rows of each resample, as the documented generator gives them."""
    drawn = np.random.Generator(np.random.PCG64(0)).integers(0, 12, size=(draws, 12))
    return [np.concatenate([np.flatnonzero(cluster == CLUSTERS) for cluster in row]) for row in drawn]


@pytest.mark.parametrize("decimals", [6, 0], ids=["no ties", "many ties"])
def test_spearmans_interval_is_that_of_ranking_every_resample(decimals: int) -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(size=36).round(decimals)
    y = (x + generator.normal(size=36)).round(decimals)

    ours = spearman_interval(x, y, CLUSTERS, draws=200)

    each = [scipy.stats.spearmanr(x[rows], y[rows]).statistic for rows in drawn_rows(200)]
    assert ours == pytest.approx(np.quantile(each, [0.025, 0.975]), abs=1e-12)


def test_the_interval_of_a_mean_is_that_of_averaging_every_resample() -> None:
    values = np.random.default_rng(2).normal(size=36)

    ours = mean_interval(values, CLUSTERS, draws=200)

    each = [values[rows].mean() for rows in drawn_rows(200)]
    assert ours == pytest.approx(np.quantile(each, [0.025, 0.975]), abs=1e-12)


def test_means_that_share_draws_have_each_the_interval_it_has_alone() -> None:
    generator = np.random.default_rng(4)
    uneven = np.repeat(np.arange(7), [1, 2, 3, 4, 5, 6, 7])
    few = np.repeat(np.arange(4), 3)
    problems = [(generator.normal(size=len(each)), each) for each in (CLUSTERS, uneven, few[:0], CLUSTERS, few)]

    together = mean_intervals(problems, draws=200)

    assert [ends is None for ends in together] == [False, False, True, False, True]
    for (values, cluster), ends in zip(problems, together, strict=True):
        assert ends == (None if ends is None else pytest.approx(mean_interval(values, cluster, draws=200), abs=1e-12))
    assert together[0] != together[3]


def test_equal_seeds_give_equal_intervals_and_other_seeds_others() -> None:
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(2, 36))

    assert spearman_interval(x, y, CLUSTERS) == spearman_interval(x, y, CLUSTERS)
    assert spearman_interval(x, y, CLUSTERS) != spearman_interval(x, y, CLUSTERS, seed=1)


def test_a_block_at_a_time_gives_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(4)
    x, y = generator.normal(size=(2, 36))
    at_once = spearman_interval(x, y, CLUSTERS)
    monkeypatch.setattr("sensdb.analysis.statistics.bootstrap._BLOCK", 360)

    assert spearman_interval(x, y, CLUSTERS) == at_once


def test_four_configurations_have_no_interval() -> None:
    x = np.arange(12.0)

    assert spearman_interval(x, x**2, np.repeat(np.arange(4), 3)) is None
    assert mean_interval(x, np.repeat(np.arange(4), 3)) is None
    assert median_interval(x[:4]) is None


def test_no_rows_have_no_interval() -> None:
    nothing = np.array([])

    assert spearman_interval(nothing, nothing, nothing.astype(np.int64)) is None
    assert mean_interval(nothing, nothing.astype(np.int64)) is None


def test_a_column_that_resamples_often_make_constant_has_no_interval() -> None:
    x = np.zeros(10)
    x[0] = 1.0

    assert spearman_interval(x, np.arange(10.0), np.arange(10)) is None


def test_the_interval_of_a_median_holds_the_median() -> None:
    values = np.random.default_rng(5).lognormal(size=101)

    interval = median_interval(values)

    assert interval is not None
    assert interval[0] < np.median(values) < interval[1]


def test_drawing_configurations_covers_where_drawing_models_does_not() -> None:
    """60 configurations x 4 alike seeds and no association (paper.md 13): 95 % intervals must mostly hold 0."""
    generator = np.random.default_rng(6)
    cluster = np.repeat(np.arange(60), 4)
    n_missed = {"configurations": 0, "models": 0}
    for _ in range(100):
        x, y = (
            np.sqrt(0.8) * np.repeat(generator.normal(size=60), 4) + np.sqrt(0.2) * generator.normal(size=240)
            for _ in range(2)
        )
        for name, drawn in (("configurations", cluster), ("models", np.arange(240))):
            low, high = spearman_interval(x, y, drawn, draws=400) or (0.0, 0.0)
            n_missed[name] += not low <= 0 <= high

    assert n_missed["configurations"] <= 13  # 5 expected; 13 or more has probability 0.001
    assert n_missed["models"] >= 15  # about 30 expected


@pytest.mark.parametrize("counts", [[1, 1, 1, 1], [2, 0, 1, 1], [0, 3, 0, 1], [0, 0, 1, 0]])
def test_a_weighted_median_is_that_of_the_rows_repeated(counts: list[int]) -> None:
    values = np.array([5.0, 1.0, 4.0, 2.0])

    (found,) = bootstrap.weighted_medians(values, np.array([counts], dtype=float))

    assert found == np.median(np.repeat(values, counts))


def test_a_median_over_clusters_has_an_interval_from_five_on() -> None:
    values, cluster = np.arange(12.0), np.repeat(np.arange(6), 2)

    interval = bootstrap.cluster_median_interval(values, cluster, draws=400)

    assert interval is not None
    assert 0 <= interval[0] < 5.5 < interval[1] <= 11
    assert bootstrap.cluster_median_interval(values[:8], cluster[:8]) is None
