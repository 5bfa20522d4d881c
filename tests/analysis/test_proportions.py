"""The sign test, Wilson's interval and q values against scipy's and statsmodels'."""

from __future__ import annotations

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from sensdb.analysis.statistics.multiplicity import benjamini_hochberg
from sensdb.analysis.statistics.proportions import sign_test, wilson_interval


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_sign_test_is_scipys_exact_binomial_test(n_lower: int, n_higher: int) -> None:
    ours = sign_test(n_lower, n_higher)

    if n_lower + n_higher == 0:
        assert ours is None
    else:
        assert ours == pytest.approx(scipy.stats.binomtest(n_lower, n_lower + n_higher).pvalue, rel=1e-9)


def test_the_sign_test_of_ten_thousand_pairs_does_not_overflow() -> None:
    assert sign_test(4900, 5100) == pytest.approx(scipy.stats.binomtest(4900, 10_000).pvalue, rel=1e-9)


@given(st.integers(1, 500), st.data())
def test_wilsons_interval_is_statsmodels(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))

    assert wilson_interval(k / n, n) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)


def test_no_pairs_have_no_interval() -> None:
    assert wilson_interval(0.0, 0) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_q_values_are_statsmodels(p_values: list[float]) -> None:
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1].tolist())


def test_a_test_that_could_not_be_made_does_not_count_in_the_family() -> None:
    assert benjamini_hochberg([0.01, None, 0.04]) == [0.02, None, 0.04]
