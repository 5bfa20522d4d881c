"""The interval of a difference of two independent estimates."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from sensdb.analysis.statistics.independent import Estimate, difference


def with_interval(sample: DescrStatsW) -> Estimate:
    low, high = sample.zconfint_mean()
    return float(sample.mean), float(low), float(high)


def test_of_normal_means_the_interval_is_statsmodels() -> None:
    generator = np.random.default_rng(0)
    first, second = DescrStatsW(generator.normal(2, 1, 80)), DescrStatsW(generator.normal(1, 3, 50))

    found = difference(with_interval(first), with_interval(second))

    expected = CompareMeans(first, second).zconfint_diff(usevar="unequal")
    assert found[0] == pytest.approx(first.mean - second.mean)
    assert found[1:] == pytest.approx(expected)


def test_each_end_of_the_interval_comes_from_the_ends_that_reach_that_way() -> None:
    assert difference((5.0, 2.0, 6.0), (1.0, 0.0, 5.0)) == (4.0, -1.0, pytest.approx(4 + 2**0.5))
