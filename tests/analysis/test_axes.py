"""Statistics by axis on planted grids: causal, confounded, Simpson and null."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.stats

from sensdb.analysis.statistics.axes import AXES
from sensdb.analysis.statistics.axis_correlation import axis_correlation
from sensdb.analysis.statistics.conditional_information import Cells, conditional_information
from sensdb.analysis.statistics.sign_error import hoeffding_weight, paired_weight, sign_error

LEVELS = np.array(list(itertools.product(range(4), repeat=3)))


def planted(value: Any, gap: Any, *, seeds: int = 1, **fields: Any) -> dict[str, Any]:
    """A 4 x 4 x 4 grid of width, depth and scale, each configuration `seeds` times."""
    n = len(value)
    text = {name: np.array(["same"] * n, dtype=object) for name in AXES}
    for place, name in enumerate(("width", "hidden_layers", "weight_scale")):
        text[name] = np.array([str(each) for each in LEVELS[: n // seeds, place]], dtype=object).repeat(seeds)
    return {
        "dataset": np.array(["digits"] * n, dtype=object),
        "metric": np.array(["jacobian_norm"] * n, dtype=object),
        "configuration": np.array([str(i // seeds) for i in range(n)], dtype=object),
        "value": np.asarray(value, dtype=float),
        "generalization_gap": np.asarray(gap, dtype=float),
        "weight": np.array(["hoeffding"] * n, dtype=object),
        "n_test_points": np.full(n, 10_000.0),
        **text,
        **fields,
    }


def gaps(seed: int = 0) -> np.ndarray:
    """Each axis moves the gap, the first most."""
    noise = np.random.default_rng(seed).normal(size=64)
    made: np.ndarray = 0.3 + LEVELS @ np.array([0.08, 0.03, 0.02]) + 0.01 * noise
    return made


def by_axis(columns: dict[str, Any]) -> dict[str, dict[str, Any]]:
    made = axis_correlation(columns, draws=200).columns
    return {made["axis"][i]: {name: values[i] for name, values in made.items()} for i in range(len(made["axis"]))}


def test_psi_is_the_mean_of_scipys_tau_over_the_lines_of_an_axis() -> None:
    value, gap = np.random.default_rng(1).normal(size=64), gaps()

    rows = by_axis(planted(value, gap))

    cube = value.reshape(4, 4, 4), gap.reshape(4, 4, 4)
    along = [np.moveaxis(each, 1, 2).reshape(-1, 4) for each in cube]
    expected = np.mean([scipy.stats.kendalltau(a, b).statistic for a, b in zip(*along, strict=True)])
    assert rows["hidden_layers"]["psi"] == pytest.approx(expected)
    assert rows["all"]["psi"] == pytest.approx(np.mean([rows[name]["psi"] for name in rows if name != "all"]))
    assert (rows["width"]["n_lines"], rows["width"]["n_pairs"]) == (16, 96)


def test_a_metric_that_follows_the_gap_is_above_the_null_on_every_axis() -> None:
    rows = by_axis(planted(gaps(), gaps()))

    assert all(row["psi"] > row["null_high"] for row in rows.values())
    assert rows["all"]["psi_low"] > 0.5


def test_a_metric_that_follows_one_axis_is_told_by_the_others() -> None:
    value = LEVELS[:, 0] + 0.01 * np.random.default_rng(2).normal(size=64)

    rows = by_axis(planted(value, gaps()))

    assert rows["width"]["psi"] == pytest.approx(1)
    assert abs(rows["hidden_layers"]["psi"]) < 0.5 > abs(rows["weight_scale"]["psi"])
    assert scipy.stats.kendalltau(value, gaps()).statistic > 0.5


def test_where_all_lines_fall_and_the_pool_rises_psi_falls() -> None:
    value = 10.0 * LEVELS[:, 0] - LEVELS[:, 1] - LEVELS[:, 2]
    gap = 0.3 + 0.1 * LEVELS[:, 0] + 0.005 * LEVELS[:, 1] + 0.005 * LEVELS[:, 2]

    rows = by_axis(planted(value, gap))

    assert rows["hidden_layers"]["psi"] == rows["weight_scale"]["psi"] == -1
    assert scipy.stats.spearmanr(value, gap).statistic > 0.5


def test_a_tie_counts_nothing_and_is_counted() -> None:
    rows = by_axis(planted(np.zeros(64), gaps()))

    assert rows["width"]["psi"] == 0
    assert rows["width"]["n_ties"] == rows["width"]["n_pairs"]


def test_a_field_that_another_decides_is_no_axis() -> None:
    columns = planted(gaps(), gaps(), momentum=np.array([str(each % 2) for each in LEVELS[:, 0]], dtype=object))

    assert "momentum" not in by_axis(columns)


def test_one_configuration_has_no_axis_and_says_so() -> None:
    done = axis_correlation(planted([1.0], [0.1]))

    assert done.columns["psi"] == []
    assert "no line of 1 configurations" in done.notes[0]


def k_of(value: Any, gap: Any) -> dict[str, Any]:
    made = conditional_information(planted(value, gap), permutations=40).columns
    return {name: values[0] for name, values in made.items()}


@pytest.mark.parametrize("decimals", [9, 0], ids=["without ties", "with ties"])
def test_information_is_that_of_the_tables_of_signs_of_ordered_pairs(decimals: int) -> None:
    generator = np.random.default_rng(3)
    value, gap = generator.normal(size=(2, 24)).round(decimals)
    level = generator.integers(0, 3, 24)
    first, second = np.triu_indices(24, k=1)
    signs = 2 * (value[first] > value[second]) + (gap[first] > gap[second])
    kept = (value[first] != value[second]) & (gap[first] != gap[second])

    ours = Cells(level, first, second).information(signs, kept)

    both = [np.sign(each[:, None] - each[None]) for each in (value, gap)]
    shared = entropy = 0.0
    for u in itertools.product(range(3), repeat=2):
        cell = (level[:, None] == u[0]) & (level[None] == u[1])
        table = np.array([[np.sum((both[0] == v)[cell] & (both[1] == w)[cell]) for w in (-1, 1)] for v in (-1, 1)])
        weight, table = table.sum(), table / table.sum()
        expected = np.outer(table.sum(1), table.sum(0))
        shared += weight * scipy.stats.entropy(table.ravel(), expected.ravel(), 2)
        entropy += weight * scipy.stats.entropy(table.sum(0), base=2)
    assert ours == pytest.approx(shared / entropy)


def test_k_of_the_gap_itself_and_of_its_inverse_is_1() -> None:
    assert k_of(gaps(), gaps())["k"] == pytest.approx(1)
    inverse = k_of(-gaps(), gaps())
    assert (inverse["k"], inverse["tau"]) == (pytest.approx(1), -1)


def test_k_of_a_random_metric_is_at_the_null_and_that_of_the_gap_with_noise_above_it() -> None:
    generator = np.random.default_rng(4)

    random, noisy = k_of(generator.normal(size=64), gaps()), k_of(gaps() + 0.01 * generator.normal(size=64), gaps())

    assert random["p_value"] > 0.05
    assert noisy["k"] > noisy["null_high"]
    assert noisy["p_value"] == pytest.approx(1 / 41)


def test_k_of_a_metric_that_follows_one_axis_falls_when_that_axis_is_given() -> None:
    made = k_of(LEVELS[:, 0] + 0.01 * np.random.default_rng(5).normal(size=64), gaps())

    assert made["information"] > 0.3
    assert made["k"] < 0.15
    assert "width" in made["conditioned_on"]


def test_too_few_configurations_have_no_k_and_it_says_how_many_it_needs() -> None:
    done = conditional_information(planted([1.0, 2.0], [0.1, 0.2]))

    assert done.columns["k"] == [None]
    assert "2 configurations and it needs 8" in done.notes[0]


def test_hoeffdings_weight_begins_where_the_source_says() -> None:
    n = np.array([10_000.0, 360.0])

    assert np.all(hoeffding_weight(np.array([0.0195, 0.1032]), n) == 0)
    assert np.all(hoeffding_weight(np.array([0.0197, 0.1034]), n) > 0)
    assert hoeffding_weight(np.array([0.0346]), n[:1]) == pytest.approx(0.49, abs=0.001)


def test_the_paired_weight_begins_at_1_05_standard_errors() -> None:
    def of(only_a: int, only_b: int) -> float:
        a, b = "1" * only_a + "0" * only_b, "0" * only_a + "1" * only_b
        same = "1" * (10_000 - only_a - only_b)
        return paired_weight(abs(only_a - only_b) / 10_000, a + same, b + same)

    assert of(261, 239) == 0  # 500 discordant, 22 apart: 0.98 standard errors
    assert of(263, 237) > 0  # 26 apart: 1.16
    assert paired_weight(0.1, None, "1") == 0


def test_the_sign_error_of_the_gap_is_0_and_of_its_inverse_1() -> None:
    gap = np.repeat(gaps(), 4)

    for value, expected in ((gap, 0.0), (-gap, 1.0)):
        made = sign_error(planted(value, gap, seeds=4)).columns
        assert made["axis"] == ["hidden_layers", "width", "weight_scale", "all"]
        assert made["error_mean"][-1] == made["error_worst"][-1] == expected
        assert made["null_mean"][-1] == pytest.approx(0.5, abs=0.1)
        assert made["n_environments"][-1] + made["n_below_ess"][-1] + made["n_without_weight"][-1] == 288


def test_gaps_within_test_noise_give_no_environment_and_it_is_said() -> None:
    gap = np.repeat(0.3 + 0.0001 * gaps(), 2)

    done = sign_error(planted(gap, gap, seeds=2))

    assert done.columns["error_mean"][-1] is None
    assert done.columns["n_without_weight"][-1] == 288
    assert "no environment has gaps far enough apart" in done.notes[0]
