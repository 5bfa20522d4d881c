"""The saved queries that only figures need: single pairs, and the points of a few models."""

from __future__ import annotations

import numpy as np
import pytest

from tests.analysis.conftest import Study
from tests.analysis.planted import planted_models


def test_single_pairs_are_those_that_factor_pairs_counts(study: Study) -> None:
    study.add(*planted_models())

    pairs = study.ask("pairs").frame
    for row in study.ask("factor_pairs").rows:
        of = pairs[
            (pairs["dataset"] == row["dataset"])
            & (pairs["factor"] == row["factor"])
            & (pairs["metric"] == row["metric"])
        ]
        assert list(of["pair"]) == list(range(1, row["n_pairs"] + 1))
        lower, higher = of["value_lower"].to_numpy(), of["value_higher"].to_numpy()
        as_expected = np.where(np.isclose(lower, higher, rtol=1e-12), 0.5, lower < higher)
        assert np.mean(as_expected) == pytest.approx(row["share_expected"])
        assert np.median(higher / lower) == pytest.approx(row["ratio_median"])
    assert {*pairs["factor"]} == {"label_noise", "augmentation", "nonlinearity", "batch"}


def test_a_pair_says_its_setting_and_both_sides(study: Study) -> None:
    for width in (8, 16):
        study.add(
            {"width": width, "jacobian_norm_mean": 1.0 * width},
            {"width": width, "jacobian_norm_mean": 3.0 * width, "seed": 1},
            {"width": width, "jacobian_norm_mean": 5.0 * width, "nonlinearity": "hard_sigmoid"},
        )

    rows = study.ask("pairs", metric="jacobian_norm").rows

    assert [(row["pair"], row["hidden_layers"], row["widths"]) for row in rows] == [
        (1, 2, "[8, 8]"),
        (2, 2, "[16, 16]"),
    ]
    assert [(row["value_lower"], row["value_higher"]) for row in rows] == [(16.0, 40.0), (32.0, 80.0)]
    assert {(row["expected_lower"], row["expected_higher"]) for row in rows} == {("relu", "hard_sigmoid")}


def test_a_pair_whose_augmentation_did_not_raise_test_accuracy_is_left_out(study: Study) -> None:
    for width, test_accuracy in ((8, 0.95), (16, 0.5)):
        study.add({"width": width}, {"width": width, "augmentation": "flip", "test_accuracy": test_accuracy})

    (row,) = study.ask("pairs", metric="generalization_gap").rows

    assert (row["factor"], row["widths"]) == ("augmentation", "[8, 8]")


def test_points_are_of_a_few_models_a_data_set_and_loss_always_the_same(study: Study) -> None:
    points = [{"loss": 0.5, "jacobian_norm": 0.25, "correct": False}, {}]
    study.add(
        *(
            {"width": width, "loss": loss, "points": points}
            for width in (1, 2, 3)
            for loss in ("cross_entropy", "squared")
        )
    )
    study.add({"label_noise": 1.0, "points": points}, {"fitted": False, "train_accuracy": 0.9, "points": points})

    rows = study.ask("point_losses", models=2).rows
    again = study.ask("point_losses", models=2).rows
    of_all = {row["model_id"] for row in study.ask("point_losses", models=9).rows}

    assert rows == again
    assert [row["loss_function"] for row in rows] == ["cross_entropy"] * 4 + ["squared"] * 4
    assert of_all == {1, 2, 3, 4, 5, 6}
    assert (rows[0]["loss"], rows[0]["jacobian_norm"], rows[0]["correct"]) == (0.5, 0.25, False)


def test_models_without_stored_points_are_not_chosen(study: Study) -> None:
    study.add({"width": 1}, {"width": 2, "points": [{}]})

    assert {row["model_id"] for row in study.ask("point_losses", models=1).rows} == {2}
