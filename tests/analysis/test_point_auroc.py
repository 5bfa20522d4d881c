"""The mean AUROC over models, its interval, and models that have none."""

from __future__ import annotations

import pandas as pd
import pytest

from sensdb.analysis.statistics.point_auroc import point_auroc


def models(auroc: list[float | None], **fields: object) -> pd.DataFrame:
    n = len(auroc)
    frame = {
        "dataset": "digits", "metric": "jacobian_norm", "model_id": range(n),
        "configuration": [str(i) for i in range(n)],
        "auroc": pd.Series(auroc, dtype=float), "n_wrong": [2] * n, "n_right": [8] * n,
    }  # fmt: skip
    return pd.DataFrame({**frame, **fields})


def test_the_mean_is_over_models_with_an_interval_over_configurations() -> None:
    done = point_auroc(models([0.9, 0.8, 0.95, 0.85, 0.7]))

    row = {name: values[0] for name, values in done.columns.items()}
    assert row["auroc_mean"] == pytest.approx(0.84)
    assert row["auroc_low"] < 0.84 < row["auroc_high"]
    assert (row["n_models"], row["n_configurations"], row["n_points"], row["n_wrong"]) == (5, 5, 50, 10)


def test_models_that_are_always_right_are_left_out_and_counted() -> None:
    done = point_auroc(models([0.9, None, 0.7]))

    assert done.columns["n_models"] == [2]
    assert done.columns["auroc_mean"] == [pytest.approx(0.8)]
    assert done.columns["n_points"] == [20]
    assert "digits, jacobian_norm: 1 models without a wrong or without a right point are left out." in done.notes
    assert "digits, jacobian_norm: no interval, 2 configurations and it needs 5." in done.notes


def test_where_no_model_has_an_auroc_there_is_none() -> None:
    done = point_auroc(models([None, None]))

    assert done.columns["n_models"] == [0]
    assert done.columns["auroc_mean"] == [None]


def test_metrics_that_exist_at_other_points_are_said_to() -> None:
    frames = [models([0.9]), models([0.8], metric="boundary_distance", n_right=[3])]

    assert "digits: not all metrics exist at the same points; see n_points." in point_auroc(pd.concat(frames)).notes


@pytest.mark.parametrize("metric", ["margin", "loss", "input_gradient_norm"])
def test_a_metric_that_knows_the_label_is_said_to(metric: str) -> None:
    assert any(note.startswith(metric) for note in point_auroc(models([0.9], metric=metric)).notes)
    assert not any("label" in note for note in point_auroc(models([0.9])).notes)


def test_no_models_at_all_give_no_rows() -> None:
    assert point_auroc(models([])).columns["auroc_mean"] == []
