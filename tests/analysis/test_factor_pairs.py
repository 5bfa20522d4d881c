"""Matched pairs of planted configurations: only what differs in one factor alone is paired."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from sensdb.analysis.statistics.factor_pairs import factor_pairs
from sensdb.analysis.statistics.factors import FACTORS, SPEC_FIELDS

SPEC: dict[str, Any] = {
    "n_train_points": 100, "crop": None, "hidden_layers": 2, "widths": "[64, 64]", "nonlinearity": "relu",
    "biases": False, "weight_scale": 1.0, "label_noise": 0.0, "augmentation": "none", "loss": "cross_entropy",
    "optimizer": "momentum", "momentum": 0.9, "learning_rate": 0.01, "learning_rate_drop_epochs": None,
    "batch_size": 64, "full_batch": False, "max_steps": 1000, "stop_rule": "never", "stop_loss": None,
    "dtype": "float32",
}  # fmt: skip
SIDES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "label_noise": ({"label_noise": 0.0}, {"label_noise": 1.0}),
    "augmentation": ({"augmentation": "translate,flip"}, {"augmentation": "none"}),
    "nonlinearity": ({"nonlinearity": "relu"}, {"nonlinearity": "hard_sigmoid"}),
    "batch": ({"batch_size": 64}, {"batch_size": None, "full_batch": True}),
    "optimizer": (
        {"optimizer": "sgd", "momentum": None},
        {
            "optimizer": "lbfgs",
            "momentum": None,
            "learning_rate": None,
            "batch_size": None,
            "full_batch": True,
            "max_steps": 50,
        },
    ),
}


def configuration(value: float, *, metric: str = "generalization_gap", **fields: Any) -> dict[str, Any]:
    given = {"dataset": "digits", "metric": metric, "value": value, "test_accuracy": 0.9}
    return {**SPEC, **given, **fields}


def pairs_of(factor: str, values: list[tuple[float, float]], **fields: Any) -> list[dict[str, Any]]:
    """Pairs (expected lower side, other side), a width each."""
    lower, higher = SIDES[factor]
    rows = []
    for width, (low, high) in enumerate(values, start=1):
        rows.append(configuration(low, widths=f"[{width}]", **{**lower, **fields}))
        rows.append(configuration(high, widths=f"[{width}]", **{**higher, **fields}))
    return rows


def compared(rows: list[dict[str, Any]]) -> pd.DataFrame:
    columns = [*SPEC, "dataset", "metric", "value", "test_accuracy"]
    return pd.DataFrame(factor_pairs(pd.DataFrame(rows, columns=columns)).columns)


def notes_of(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    return factor_pairs(pd.DataFrame(rows)).notes


def test_every_field_of_a_spec_is_matched() -> None:
    assert set(SPEC) == set(SPEC_FIELDS)
    assert all(set(factor.fields) <= set(SPEC_FIELDS) for factor in FACTORS)


@pytest.mark.parametrize("factor", SIDES)
def test_each_factor_is_compared_by_pairs(factor: str) -> None:
    test = {"test_accuracy": 0.9}
    rows = pairs_of(factor, [(0.1, 0.2), (0.1, 0.3), (0.2, 0.3), (0.2, 0.1), (0.1, 0.4), (0.3, 0.6)], **test)
    if factor == "augmentation":
        rows = [row | {"test_accuracy": 0.8 if row["augmentation"] == "none" else 0.9} for row in rows]

    frame = compared(rows)

    (row,) = frame.to_dict("records")
    assert (row["factor"], row["n_pairs"], row["n_ties"]) == (factor, 6, 0)
    assert row["share_expected"] == pytest.approx(5 / 6)
    assert row["ratio_median"] == pytest.approx(2.0)
    assert row["p_value"] == pytest.approx(scipy.stats.binomtest(5, 6).pvalue)
    assert row["ratio_low"] <= row["ratio_median"] <= row["ratio_high"]
    assert row["share_low"] < row["share_expected"] < row["share_high"]


def test_a_pair_that_differs_in_anything_else_is_no_pair() -> None:
    rows = [
        configuration(0.1, label_noise=0.0, learning_rate=0.01),
        configuration(0.9, label_noise=1.0, learning_rate=0.02),
        configuration(0.9, label_noise=1.0, dataset="mnist"),
    ]

    assert len(compared(rows)) == 0


def test_missing_fields_match_missing_fields() -> None:
    rows = pairs_of("label_noise", [(0.1, 0.9)], crop=np.nan, stop_loss=None)

    assert compared(rows)["n_pairs"].tolist() == [1]


def test_several_configurations_on_a_side_make_one_pair_by_their_mean() -> None:
    rows = [
        configuration(0.1, batch_size=32),
        configuration(0.3, batch_size=64),
        configuration(0.4, batch_size=None, full_batch=True),
    ]

    (row,) = compared(rows).to_dict("records")

    assert (row["factor"], row["n_pairs"]) == ("batch", 1)
    assert row["ratio_median"] == pytest.approx(0.4 / 0.2)


def test_ties_count_half_in_the_share_and_nowhere_in_the_test() -> None:
    rows = pairs_of("label_noise", [(0.1, 0.2), (0.1, 0.1), (0.1, 0.1), (0.1, 0.2)])

    (row,) = compared(rows).to_dict("records")

    assert (row["share_expected"], row["n_ties"]) == (0.75, 2)
    assert row["p_value"] == pytest.approx(scipy.stats.binomtest(2, 2).pvalue)


def test_sides_that_differ_in_rounding_alone_tie() -> None:
    (row,) = compared(pairs_of("label_noise", [(0.1 + 0.2, 0.3), (0.3, 0.1 + 0.2)])).to_dict("records")

    assert (row["n_ties"], row["share_expected"]) == (2, 0.5)


def test_pairs_that_all_tie_have_no_p_value() -> None:
    (row,) = compared(pairs_of("label_noise", [(0.1, 0.1)])).to_dict("records")

    assert row["share_expected"] == 0.5
    assert row["p_value"] is None or np.isnan(row["p_value"])


def test_a_ratio_needs_positive_sides() -> None:
    (row,) = compared(pairs_of("label_noise", [(0.0, 0.9), (-0.1, 0.9)])).to_dict("records")

    assert row["share_expected"] == 1.0
    assert row["ratio_median"] is None or np.isnan(row["ratio_median"])


def test_configurations_without_the_metric_make_no_pair() -> None:
    rows = pairs_of("label_noise", [(0.1, 0.9), (float("nan"), 0.9)])

    assert compared(rows)["n_pairs"].tolist() == [1]


def test_augmentation_that_did_not_raise_test_accuracy_is_left_out_and_counted() -> None:
    rows = pairs_of("augmentation", [(0.1, 0.2), (0.1, 0.2)], test_accuracy=0.9)
    rows[0]["test_accuracy"] = 0.95

    assert compared(rows)["n_pairs"].tolist() == [1]
    assert "digits, augmentation, generalization_gap: 1 pairs without a rise in test accuracy." in notes_of(rows)


def test_q_values_are_over_all_rows_of_the_answer() -> None:
    rows = [
        row
        for metric in ("generalization_gap", "jacobian_norm")
        for row in pairs_of("label_noise", [(0.1, 0.2)] * 6, metric=metric)
        + pairs_of("nonlinearity", [(0.1, 0.2), (0.2, 0.1)], metric=metric, weight_scale=2.0)
    ]

    frame = compared(rows)

    assert frame["q_value"].tolist() == pytest.approx(multipletests(frame["p_value"], method="fdr_bh")[1].tolist())
    assert frame["factor"].tolist() == ["label_noise"] * 2 + ["nonlinearity"] * 2


def test_a_factor_that_does_nothing_is_lower_half_of_the_time() -> None:
    generator = np.random.default_rng(1)
    rows = pairs_of("nonlinearity", [(a, b) for a, b in generator.random((400, 2))])

    (row,) = compared(rows).to_dict("records")

    assert row["share_low"] < 0.5 < row["share_high"]
    assert row["p_value"] > 0.01


def test_factors_without_a_pair_are_named() -> None:
    notes = notes_of(pairs_of("label_noise", [(0.1, 0.9)]))

    assert notes == (
        "digits: no pairs for augmentation, augmented against none.",
        "digits: no pairs for nonlinearity, relu against hard_sigmoid.",
        "digits: no pairs for batch, mini against full.",
        "digits: no pairs for optimizer, mini-batch against lbfgs.",
    )


def test_no_configurations_at_all_give_no_rows() -> None:
    frame = compared([])

    assert len(frame) == 0
    assert "q_value" in frame
