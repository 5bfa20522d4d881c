"""Metrics with a known answer, and how often intervals hold 0 where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from sensdb.analysis.statistics.known_metrics import DEALS, covered, with_known
from sensdb.analysis.statistics.sign_error import mean_interval


def columns(n: int = 4000) -> dict[str, object]:
    generator = np.random.default_rng(0)
    value = generator.random(n)
    value[0] = np.nan
    return {
        "dataset": np.array(["digits", "mnist"] * (n // 2), dtype=object),
        "value": value,
        "generalization_gap": generator.normal(size=n) * np.tile([1.0, 100.0], n // 2),
    }


def test_a_random_metric_goes_with_nothing_and_the_gap_with_noise_with_the_gap() -> None:
    given = columns()
    gap = np.asarray(given["generalization_gap"])

    random, near = (np.asarray(with_known(given, known, 0)["value"]) for known in ("random", "gap"))

    for dataset in (slice(2, None, 2), slice(1, None, 2)):  # each by its own spread
        assert abs(kendalltau(random[dataset], gap[dataset]).statistic) < 0.04
        assert kendalltau(near[dataset], gap[dataset]).statistic == pytest.approx(0.87, abs=0.02)
    assert np.isnan(random[0])
    assert with_known(given, "none", 0) is given


def test_intervals_by_configuration_hold_0_as_often_as_they_should_where_replicas_are_alike() -> None:
    generator = np.random.default_rng(1)
    cluster = np.repeat(np.arange(40), 4)
    metric, gap = (generator.normal(size=40)[cluster] + 0.1 * generator.normal(size=160) for _ in range(2))

    held, n = covered(metric, gap, cluster, seed=0)

    assert n == DEALS
    assert 0.9 * n <= held <= n


@pytest.mark.parametrize(("metric", "n"), [(np.ones(12), 12), (np.arange(4.0), 4)])
def test_of_one_value_or_four_configurations_there_is_no_interval_to_count(metric: np.ndarray, n: int) -> None:
    assert covered(metric, np.arange(float(n)), np.arange(n), seed=0) == (0, 0)


def test_the_interval_of_a_mean_sign_error_draws_configurations_with_all_their_pairs() -> None:
    pairs = [(a, b) for a in range(8) for b in range(a + 1, 8)]
    errors = [1.0 if a == 0 else 0.0 for a, _ in pairs]  # one configuration errs with all others

    low, high = mean_interval(errors, pairs, draws=1000, seed=0)

    assert low == 0  # the resamples without it
    assert high is not None
    assert high > 0.45


def test_environments_that_all_agree_are_worth_no_more_than_the_pairs_that_share_nothing() -> None:
    pairs = [(a, b) for a in range(10) for b in range(a + 1, 10)]

    low, high = mean_interval([0.0] * 45, pairs, draws=100, seed=0)

    assert (low, high) == (0.0, pytest.approx(0.4345, abs=1e-3))  # Wilson's of 0 in 5
    assert mean_interval([0.0] * 3, [(0, 1), (2, 3), (0, 3)], draws=100, seed=0) == (None, None)
