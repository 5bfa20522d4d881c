"""Intervals of many models by first order: those of ranking every resample anew."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from sensdb.analysis.statistics import bootstrap
from sensdb.analysis.statistics.bootstrap import spearman_interval, spearman_intervals
from sensdb.analysis.statistics.influence import spearman_influence


def planted(strength: float, n: int, *, seeds: int = 1, decimals: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(int(strength * 100) + n)
    cluster = np.repeat(np.arange(n // seeds), seeds)
    shared = generator.normal(size=(2, n // seeds))
    x = shared[0][cluster] + 0.5 * generator.normal(size=n)
    y = strength * x + shared[1][cluster] + 0.5 * generator.normal(size=n)
    return x.round(decimals), y.round(decimals), cluster


@pytest.mark.parametrize("decimals", [8, 0], ids=["no ties", "many ties"])
def test_the_influence_is_the_derivative_of_the_correlation(decimals: int) -> None:
    x, y, _ = planted(1.0, 400, decimals=decimals)
    rho, influence = spearman_influence(x, y) or (0.0, np.zeros(400))

    assert rho == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert influence.mean() == pytest.approx(0, abs=1e-10)
    for row in (0, 17, 399):
        without = np.delete(np.arange(400), row)
        moved = scipy.stats.spearmanr(x[without], y[without]).statistic - rho
        assert moved == pytest.approx(-influence[row] / 399, abs=1e-4)


@pytest.mark.parametrize(("strength", "seeds", "decimals"), [(0.0, 1, 8), (4.0, 3, 8), (-2.0, 4, 0)])
def test_the_interval_of_many_models_is_that_of_ranking_anew(strength: float, seeds: int, decimals: int) -> None:
    problem = planted(strength, 1200, seeds=seeds, decimals=decimals)
    anew = spearman_interval(*problem, draws=400)

    (quick,) = spearman_intervals([problem], draws=400)

    assert quick is not None
    assert anew is not None
    assert quick == pytest.approx(anew, abs=(0.15 if seeds == 1 else 0.05) * (anew[1] - anew[0]))


def test_correlations_asked_together_have_the_intervals_they_have_alone() -> None:
    problems = [planted(0.5, 1200, seeds=4), planted(2.0, 1200, seeds=4), planted(1.0, 100), planted(1.0, 1500)]

    together = spearman_intervals(problems, draws=200)

    assert together == [pytest.approx(spearman_intervals([each], draws=200)[0]) for each in problems]


def test_a_perfect_order_of_many_models_has_an_interval_of_one_point() -> None:
    x = np.arange(bootstrap.RERANKED + 1.0)

    assert spearman_intervals([(x, -(x**3), np.arange(len(x)))], draws=100) == [(-1.0, -1.0)]


def test_a_constant_column_of_many_models_has_no_interval() -> None:
    x = np.arange(bootstrap.RERANKED + 1.0)

    assert spearman_influence(x, np.ones_like(x)) is None
    assert spearman_intervals([(x, np.ones_like(x), np.arange(len(x)))]) == [None]
