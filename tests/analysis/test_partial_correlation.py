"""Partial rank correlations on planted models: causal, confounded, Simpson and null."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

from sensdb.analysis.statistics.partial_correlation import partial_correlation
from tests.analysis.conftest import Study
from tests.analysis.planted import planted_models


def planted(value: Any, gap: Any, baselines: dict[str, Any], *, dataset: str = "digits") -> dict[str, Any]:
    n, controls = len(value), {"none": np.full(len(value), np.nan), **baselines}
    k = len(controls)
    return {
        "dataset": np.array([dataset] * n * k, dtype=object),
        "population": np.array(["fitted"] * n * k, dtype=object),
        "metric": np.array(["jacobian_norm"] * n * k, dtype=object),
        "control": np.repeat(np.array(list(controls), dtype=object), n),
        "model_id": np.tile(np.arange(n), k),
        "configuration": np.array([f"{dataset} {i}" for i in range(n)] * k, dtype=object),
        "value": np.tile(np.asarray(value, dtype=float), k),
        "generalization_gap": np.tile(np.asarray(gap, dtype=float), k),
        "baseline": np.concatenate([np.asarray(each, dtype=float) for each in controls.values()]),
    }


def rows_of(columns: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    made = partial_correlation(columns, draws=400).columns
    keys = zip(made["dataset"], made["control"], strict=True)
    return {key: {name: values[i] for name, values in made.items()} for i, key in enumerate(keys)}


def residuals(y: np.ndarray, *controls: np.ndarray) -> np.ndarray:
    design = np.column_stack([np.ones(len(y)), *controls])
    made: np.ndarray = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return made


def test_it_is_pearsons_of_what_the_controls_ranks_leave() -> None:
    x, y, a, b = np.random.default_rng(0).normal(size=(4, 80))
    y = y + x + a

    rows = rows_of(planted(x, y, {"doubt": a, "train_loss": b}))

    ranks = [scipy.stats.rankdata(each) for each in (x, y, a, b)]
    for control, given in (("doubt", ranks[2:3]), ("train_loss", ranks[3:]), ("all", ranks[2:])):
        expected = scipy.stats.pearsonr(residuals(ranks[0], *given), residuals(ranks[1], *given)).statistic
        assert rows["digits", control]["partial"] == pytest.approx(expected)
    assert rows["digits", "none"]["partial"] == rows["digits", "none"]["spearman"]
    assert rows["digits", "none"]["spearman"] == pytest.approx(scipy.stats.spearmanr(x, y).statistic)


def test_a_confounded_metric_falls_to_0_net_of_the_confounder_and_a_causal_one_does_not() -> None:
    generator = np.random.default_rng(1)
    size, own = generator.normal(size=(2, 150))
    gap = size + own + 0.3 * generator.normal(size=150)

    confounded = rows_of(planted(size + 0.5 * generator.normal(size=150), gap, {"width": size}))
    causal = rows_of(planted(own, gap, {"width": size}))

    assert confounded["digits", "none"]["partial_low"] > 0.3
    assert confounded["digits", "width"]["partial_low"] < 0 < confounded["digits", "width"]["partial_high"]
    assert causal["digits", "width"]["partial_low"] > 0.8


def test_levels_of_data_sets_do_not_enter_the_pooled_row() -> None:
    generator = np.random.default_rng(2)
    parts = []
    for level, name in enumerate(("digits", "mnist", "cifar10")):
        x = generator.normal(size=40)
        parts.append(planted(10 * level + x, 10 * level - x, {}, dataset=name))

    rows = rows_of({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})

    assert rows["all", "none"]["partial"] == pytest.approx(-1)
    assert (rows["all", "none"]["n_models"], rows["all", "none"]["n_configurations"]) == (120, 120)


def test_a_random_metric_has_an_interval_over_0() -> None:
    x, y, a = np.random.default_rng(3).normal(size=(3, 100))

    row = rows_of(planted(x, y, {"doubt": a}))["digits", "doubt"]

    assert row["partial_low"] < 0 < row["partial_high"]


def test_controls_that_say_the_same_or_nothing_count_once_among_all() -> None:
    x, y, a = np.random.default_rng(4).normal(size=(3, 60))
    idle = {"hidden_layers": np.ones(60), "n_hidden_units": 2 * a, "weight_norm": np.full(60, np.nan)}

    rows = rows_of(planted(x, y, {"width": a, **idle}))

    assert rows["digits", "all"]["partial"] == pytest.approx(rows["digits", "width"]["partial"])
    assert rows["digits", "hidden_layers"]["partial"] is None


def test_too_few_models_constants_and_missing_values_give_null_and_a_reason() -> None:
    few = partial_correlation(planted([1.0, 2.0], [0.1, 0.2], {"doubt": [1.0, 2.0]}))
    constant = partial_correlation(planted(np.ones(9), np.arange(9.0), {}))
    decided = partial_correlation(planted(np.arange(9.0), np.arange(9.0) ** 2, {"doubt": np.arange(9.0)}))
    missing = rows_of(planted([1.0, np.nan, 3, 4, 5], [0.1, 0.2, 0.3, 0.5, np.nan], {}))["digits", "none"]

    assert few.columns["partial"] == [None, None]
    assert few.columns["fewest_models"] == [3, 4]
    assert "2 models and it needs 3" in few.notes[0]
    assert "a column is the same in all models" in constant.notes[0]
    assert "the controls decide metric or gap" in decided.notes[0]
    assert missing["n_models"] == 3


def test_the_query_has_the_fitted_and_all_models_side_by_side(study: Study) -> None:
    study.add(*planted_models(n_points=0))

    rows = study.ask("partial_correlation", metric="jacobian_norm", draws=100).rows

    n = {(row["dataset"], row["population"]): row["n_models"] for row in rows if row["control"] == "none"}
    assert n["digits", "all"] > n["digits", "fitted"] > 0
    assert n["all", "fitted"] == n["digits", "fitted"] + n["mnist", "fitted"]
    plain = next(row for row in study.ask("correlation", metric="jacobian_norm").rows if row["dataset"] == "mnist")
    ours = next(row for row in rows if (row["dataset"], row["control"]) == ("mnist", "none"))
    assert ours["spearman"] == pytest.approx(plain["spearman"])


def test_the_queries_by_axis_answer_from_stored_models(study: Study) -> None:
    study.add(*planted_models())

    psi = {(row["dataset"], row["axis"]): row for row in study.ask("axis_correlation", metric="jacobian_norm").rows}
    k = study.ask("conditional_information", metric="jacobian_norm", permutations=20).rows
    hoeffding = study.ask("sign_error", metric="jacobian_norm", min_ess=0).rows
    paired = study.ask("sign_error", metric="jacobian_norm", weight="paired", min_ess=0).rows

    assert psi["mnist", "width"]["psi"] > 0.5
    assert {row["dataset"] for row in k} == {"digits", "mnist"}
    assert {row["weight"] for row in hoeffding} == {"hoeffding"}
    assert {row["weight"] for row in paired} == {"paired"}
    assert all(row["error_mean"] is None or 0 <= row["error_mean"] <= 0.5 for row in (*hoeffding, *paired))
