"""Rank statistics against scipy's, on ties and without, and where they do not exist."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from sensdb.analysis.statistics.ranks import count_inversions, kendall_tau_b, midranks, pearson, spearman

SMALL = st.lists(st.integers(-3, 3).map(float), min_size=3, max_size=40)
PAIRS = st.integers(3, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-3, 3).map(float), min_size=n, max_size=n),
        st.lists(st.floats(-1e6, 1e6, width=32), min_size=n, max_size=n),
    )
)


@given(SMALL)
def test_midranks_are_scipys(values: list[float]) -> None:
    assert midranks(np.array(values)).tolist() == scipy.stats.rankdata(values).tolist()


@given(PAIRS)
def test_spearman_is_scipys(pair: tuple[list[float], list[float]]) -> None:
    x, y = map(np.array, pair)
    ours = spearman(x, y)

    if len(set(pair[0])) == 1 or len(set(pair[1])) == 1:
        assert ours is None
    else:
        assert ours == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-12)


@given(PAIRS)
def test_kendall_tau_b_is_scipys(pair: tuple[list[float], list[float]]) -> None:
    x, y = map(np.array, pair)
    ours = kendall_tau_b(x, y)

    if len(set(pair[0])) == 1 or len(set(pair[1])) == 1:
        assert ours is None
    else:
        assert ours == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-12)


def test_pearson_is_scipys() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=50)
    y = x + generator.normal(size=50)

    assert pearson(x, y) == pytest.approx(scipy.stats.pearsonr(x, y).statistic, abs=1e-14)


@pytest.mark.parametrize("statistic", [pearson, spearman, kendall_tau_b])
def test_two_models_have_no_correlation(statistic: object) -> None:
    assert statistic(np.array([1.0, 2.0]), np.array([1.0, 2.0])) is None  # type: ignore[operator]


@pytest.mark.parametrize("statistic", [pearson, spearman, kendall_tau_b])
def test_no_models_have_no_correlation(statistic: object) -> None:
    assert statistic(np.array([]), np.array([])) is None  # type: ignore[operator]


@pytest.mark.parametrize("statistic", [spearman, kendall_tau_b])
def test_an_order_kept_is_one_and_an_order_turned_is_minus_one(statistic: object) -> None:
    x = np.array([1.0, 5.0, 2.0, 9.0])

    assert statistic(x, np.exp(x)) == pytest.approx(1.0)  # type: ignore[operator]
    assert statistic(x, -x) == pytest.approx(-1.0)  # type: ignore[operator]


@given(st.lists(st.integers(0, 5), max_size=40))
def test_inversions_are_counted_as_by_looking_at_every_pair(values: list[int]) -> None:
    by_pairs = sum(values[i] > values[j] for i in range(len(values)) for j in range(i + 1, len(values)))

    assert count_inversions(np.array(values, dtype=np.int64)) == by_pairs
