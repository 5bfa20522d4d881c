"""What a metric adds out of fold: planted so that it adds, or adds nothing; its fit beside statsmodels and patsy."""

from __future__ import annotations

from typing import Any

import numpy as np
import patsy
import pytest
import statsmodels.api as sm
from sklearn.metrics import log_loss

from sensdb.analysis.statistics.added_log_loss import added_log_loss, crossed_interval
from sensdb.analysis.statistics.logistic import fit_logistic, log_losses, spline_columns
from tests.analysis.conftest import Study

N_CONFIGURATIONS, N_POINTS = 40, 60


def points(*, own: float, n_configurations: int = N_CONFIGURATIONS, errors: float = 1.0) -> dict[str, Any]:
    """Points wrong with log odds of doubt and `own` times what the metric alone knows; hard points recur."""
    generator = np.random.default_rng(3)
    n = n_configurations * N_POINTS
    configuration, point = (
        np.repeat(np.arange(n_configurations), N_POINTS),
        np.tile(np.arange(N_POINTS), n_configurations),
    )
    doubt = generator.normal(size=N_POINTS)[point] + 0.5 * generator.normal(size=n)
    hidden = generator.normal(size=n)
    wrong = generator.random(n) < errors / (1 + np.exp(1 - doubt - own * hidden))
    return {
        "dataset": np.array(["mnist"] * n, dtype=object),
        "metric": np.array(["jacobian_norm"] * n, dtype=object),
        "configuration": configuration.astype(str).astype(object),
        "model_id": configuration,
        "point_index": point,
        "wrong": wrong.astype(float),
        "value": doubt + (hidden if own else 0.3 * hidden),
        "doubt": doubt,
        "entropy": doubt + 0.1 * generator.normal(size=n),
        "margin": np.exp(-doubt),
    }


def rows_of(columns: dict[str, Any]) -> dict[str, dict[str, Any]]:
    done = added_log_loss(columns, draws=200)
    rows = [dict(zip(done.columns, row, strict=True)) for row in zip(*done.columns.values(), strict=True)]
    return {row["beside"]: row for row in rows}


def test_a_metric_that_knows_more_than_the_baselines_takes_off_log_loss() -> None:
    rows = rows_of(points(own=1.5))

    assert list(rows) == ["none", "doubt", "entropy", "margin", "all"]
    assert rows["all"]["gain"] > rows["all"]["gain_low"] > 0.02
    assert rows["all"]["gain"] == pytest.approx(rows["all"]["log_loss"] - rows["all"]["log_loss_with"])


def test_a_metric_that_is_doubt_with_noise_adds_nothing_beside_it_and_all_of_it_alone() -> None:
    rows = rows_of(points(own=0.0))

    assert rows["none"]["gain_low"] > 0
    assert rows["all"]["gain_low"] <= 0.002
    assert abs(rows["all"]["gain"]) < 0.01


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (points(own=1.0, n_configurations=4), "no log loss, 4 configurations and 60 points and it needs 5 of each."),
        (points(own=1.0, errors=0.0), "no log loss, all points are right."),
    ],
)
def test_too_few_or_always_right_gives_no_number_and_says_why(columns: dict[str, Any], reason: str) -> None:
    done = added_log_loss(columns, draws=100)

    assert done.columns["gain"] == done.columns["log_loss"] == [None] * 5
    assert f"mnist, jacobian_norm: {reason}" in done.notes


def test_points_without_the_metric_are_left_out_and_counted() -> None:
    columns = points(own=1.0)
    columns["value"][:7] = np.nan

    done = added_log_loss(columns, draws=100)

    assert done.columns["n_left_out"] == [7] * 5
    assert done.columns["n_points"] == [N_CONFIGURATIONS * N_POINTS - 7] * 5


def test_the_fit_is_statsmodels_and_its_loss_sklearns() -> None:
    generator = np.random.default_rng(0)
    design = generator.normal(size=(500, 3)) * [1, 10, 0.1] + [0, 5, 1]
    outcome = (generator.random(500) < 1 / (1 + np.exp(-design[:, 0] + 0.1 * design[:, 1]))).astype(float)

    ours = fit_logistic(design, outcome)

    theirs = sm.Logit(outcome, sm.add_constant(design)).fit(disp=0)
    assert ours == pytest.approx(theirs.params, rel=1e-2, abs=1e-3)  # ours takes off a little for large slopes
    loss = log_losses(design, outcome, theirs.params)
    assert loss.mean() == pytest.approx(log_loss(outcome, theirs.predict()))


def test_a_column_that_tells_all_or_nothing_leaves_the_fit_finite() -> None:
    outcome = np.repeat([0.0, 1.0], 50)
    design = np.column_stack([outcome, np.ones(100)])

    found = fit_logistic(design, outcome)

    assert np.all(np.isfinite(found))
    assert found[2] == 0
    assert log_losses(design, outcome, found).mean() < 0.05


def test_the_spline_spans_what_patsys_natural_spline_does() -> None:
    x = np.random.default_rng(1).normal(size=300)
    knots = np.quantile(x, [0.05, 0.275, 0.5, 0.725, 0.95])

    ours = np.column_stack([np.ones(300), spline_columns(x, knots)])

    inside = (x >= knots[0]) & (x <= knots[-1])
    given = {"x": x, "inner": knots[1:-1], "low": knots[0], "high": knots[-1]}
    theirs = np.asarray(patsy.dmatrix("cr(x, knots=inner, lower_bound=low, upper_bound=high)", given))
    fitted = theirs @ np.linalg.lstsq(theirs[inside], ours[inside], rcond=None)[0]
    assert fitted[inside] == pytest.approx(ours[inside], abs=1e-8)


def test_the_crossed_interval_is_wider_where_rows_of_a_point_are_alike() -> None:
    generator = np.random.default_rng(0)
    first, second = np.repeat(np.arange(30), 30), np.tile(np.arange(30), 30)
    alone, alike = generator.normal(size=900), generator.normal(size=30)[second]

    narrow = crossed_interval(alone, first, second, draws=400, seed=0)
    wide = crossed_interval(alike, first, second, draws=400, seed=0)

    assert narrow is not None
    assert wide is not None
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])
    assert crossed_interval(alone[:60], first[:60], second[:60], draws=100, seed=0) is None


def test_the_query_takes_logarithms_and_leaves_out_what_has_none(study: Study) -> None:
    generator = np.random.default_rng(0)
    for width in range(1, 13):
        stored = []
        for index in range(80):
            doubt = float(generator.uniform(0.01, 0.9))
            norm = {"jacobian_norm": doubt, "log10_jacobian_norm": float(np.log10(doubt)) if index else None}
            right = bool(generator.random() > doubt)
            stored.append({"correct": right, "doubt": doubt, "entropy": doubt, "margin": 1 - doubt, **norm})
        study.add({"width": width, "points": stored})

    rows = {row["beside"]: row for row in study.ask("added_log_loss", draws=100).rows}

    assert rows["all"]["n_points"] == 12 * 79
    assert rows["all"]["n_left_out"] == 12
    assert rows["none"]["gain"] > 0.05
    assert abs(rows["doubt"]["gain"]) < 0.01  # the norm is doubt itself
