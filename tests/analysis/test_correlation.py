"""The correlation of planted models: what was planted is found, what was not is not, and what is missing is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from sensdb.analysis.statistics.correlation import correlation


def planted(value: Any, gap: Any, *, seeds: int = 1, metric: str = "jacobian_norm", **fields: Any) -> pd.DataFrame:
    n = len(value)
    return pd.DataFrame(
        {
            "dataset": "digits",
            "metric": metric,
            "labels": "true",
            "method": None,
            "configuration": [str(i // seeds) for i in range(n)],
            "n_train_points": 1000,
            "value": np.asarray(value, dtype=float),
            "generalization_gap": np.asarray(gap, dtype=float),
            **fields,
        }
    )


def only_row(frame: pd.DataFrame, **options: Any) -> dict[str, Any]:
    columns = correlation(frame, **options).columns
    assert {len(values) for values in columns.values()} == {1}
    return {name: values[0] for name, values in columns.items()}


def test_a_metric_that_makes_the_gap_is_found() -> None:
    generator = np.random.default_rng(0)
    value = generator.lognormal(size=60)
    gap = 0.01 * value * generator.lognormal(sigma=0.3, size=60)

    row = only_row(planted(value, gap))

    assert row["spearman"] == pytest.approx(scipy.stats.spearmanr(value, gap).statistic)
    assert row["kendall_tau_b"] == pytest.approx(scipy.stats.kendalltau(value, gap).statistic)
    assert row["pearson_log"] == pytest.approx(scipy.stats.pearsonr(np.log(value), np.log(gap)).statistic)
    assert 0.5 < row["spearman_low"] < row["spearman"] < row["spearman_high"] <= 1
    assert (row["n_models"], row["n_configurations"]) == (60, 60)


def test_a_metric_that_has_nothing_to_do_with_the_gap_has_an_interval_over_0() -> None:
    generator = np.random.default_rng(1)

    row = only_row(planted(generator.lognormal(size=80), generator.random(80)))

    assert row["spearman_low"] < 0 < row["spearman_high"]


def test_replicas_are_models_in_the_estimate_and_one_configuration_in_the_interval() -> None:
    generator = np.random.default_rng(2)
    value, gap = generator.random((2, 20))

    alone = only_row(planted(value, gap))
    repeated = only_row(planted(np.repeat(value, 5), np.repeat(gap, 5), seeds=5))

    assert (repeated["n_models"], repeated["n_configurations"]) == (100, 20)
    assert repeated["spearman"] == pytest.approx(alone["spearman"])
    width = repeated["spearman_high"] - repeated["spearman_low"]
    assert width == pytest.approx(alone["spearman_high"] - alone["spearman_low"], abs=0.02)


def test_configurations_are_correlated_by_their_means_over_seeds() -> None:
    generator = np.random.default_rng(3)
    value = generator.lognormal(size=90)
    gap = 0.01 * value * generator.lognormal(sigma=0.8, size=90)

    row = only_row(planted(value, gap, seeds=3), unit="configurations")

    means = value.reshape(30, 3).mean(1), gap.reshape(30, 3).mean(1)
    assert row["spearman"] == pytest.approx(scipy.stats.spearmanr(*means).statistic)
    assert row["kendall_tau_b"] == pytest.approx(scipy.stats.kendalltau(*means).statistic)
    assert (row["n_models"], row["n_configurations"]) == (90, 30)
    assert row["spearman_low"] < row["spearman"] < row["spearman_high"]


def test_training_sets_of_several_sizes_in_one_correlation_are_said() -> None:
    frame = planted(range(40), range(40), n_train_points=[2000, 5000] * 20)

    notes = correlation(frame).notes

    assert notes[0] == (
        "digits: pools training sets of 2,000, 5,000 points, which can hide what holds within each;"
        " --where 'n_train_points = 2000' asks about one."
    )
    assert not any("pools" in note for note in correlation(planted(range(40), range(40))).notes)


def test_ties_are_midranks() -> None:
    value, gap = np.array([1, 1, 2, 2, 3, 3.0]), np.array([0.1, 0.2, 0.2, 0.3, 0.3, 0.3])

    row = only_row(planted(value, gap))

    assert row["spearman"] == pytest.approx(scipy.stats.spearmanr(value, gap).statistic)
    assert row["kendall_tau_b"] == pytest.approx(scipy.stats.kendalltau(value, gap).statistic)


@pytest.mark.parametrize(
    ("value", "gap", "reason"),
    [
        ([1, 1, 1, 1], [0.1, 0.2, 0.3, 0.4], "the metric is the same in all 4 models"),
        ([1, 2, 3, 4], [0.1, 0.1, 0.1, 0.1], "the gap is the same in all 4 models"),
        ([1, 2], [0.1, 0.2], "2 models and it needs 3"),
        ([np.nan], [0.1], "0 models and it needs 3"),
    ],
)
def test_what_has_no_correlation_is_missing_with_its_reason(value: list[float], gap: list[float], reason: str) -> None:
    done = correlation(planted(value, gap))

    assert [done.columns[name] for name in ("spearman", "spearman_low", "kendall_tau_b")] == [[None]] * 3
    assert f"digits, jacobian_norm: no correlation, {reason}." in done.notes


def test_few_configurations_have_an_estimate_and_no_interval() -> None:
    done = correlation(planted([1, 2, 3, 4], [0.1, 0.2, 0.4, 0.3]))

    assert done.columns["spearman"] == [pytest.approx(0.8)]
    assert done.columns["spearman_low"] == [None]
    assert "digits, jacobian_norm: no interval, 4 configurations and it needs 5." in done.notes


def test_models_without_the_metric_are_left_out_and_counted() -> None:
    done = correlation(planted([1, 2, np.nan, 4, 5], [0.1, 0.2, 0.3, 0.4, np.nan]))

    assert done.columns["n_models"] == [3]
    assert "digits, jacobian_norm: 2 models without a value are left out." in done.notes


def test_models_without_a_logarithm_are_left_out_of_the_logarithms_alone() -> None:
    done = correlation(planted([0, 1, 2, 3, 4], [0.1, 0.2, 0.3, 0.5, -0.1]))

    assert done.columns["n_models"] == [5]
    assert done.columns["pearson_log"] == [
        pytest.approx(scipy.stats.pearsonr(np.log([1, 2, 3]), np.log([0.2, 0.3, 0.5])).statistic)
    ]
    assert "digits, jacobian_norm: pearson_log leaves out 2 models whose metric or gap is not positive." in done.notes


def test_a_metric_that_is_a_logarithm_is_not_taken_one_of() -> None:
    value, gap = np.array([-3.0, -2.0, -1.5, 0.5]), np.array([0.1, 0.2, 0.5, 0.4])

    row = only_row(planted(value, gap, metric="log10_jacobian_norm"))

    assert row["pearson_log"] == pytest.approx(scipy.stats.pearsonr(value, np.log(gap)).statistic)


def test_each_data_set_and_metric_has_a_row_in_order_of_appearance() -> None:
    frames = [
        planted([1, 2, 3], [0.1, 0.2, 0.3], metric=metric).assign(dataset=dataset)
        for dataset in ("mnist", "digits")
        for metric in ("transitions", "jacobian_norm")
    ]

    columns = correlation(pd.concat(frames)).columns

    assert columns["dataset"] == ["mnist", "mnist", "digits", "digits"]
    assert columns["metric"] == ["transitions", "jacobian_norm"] * 2


def test_no_models_at_all_give_no_rows() -> None:
    done = correlation(planted([], []))

    assert done.columns["spearman"] == []
    assert done.notes == ()


def test_mean_gaps_that_are_equal_but_for_rounding_tie() -> None:
    gap = [0.1, 0.2, 0.3, 0.3, 0.2, 0.1, 0.5, 0.5, 0.5, 0.6, 0.6, 0.6]  # 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1
    value = np.repeat([1.0, 2.0, 3.0, 4.0], 3)

    row = only_row(planted(value, gap, seeds=3), unit="configurations")

    assert row["kendall_tau_b"] == pytest.approx(scipy.stats.kendalltau([1, 2, 3, 4], [2, 2, 5, 6]).statistic)
