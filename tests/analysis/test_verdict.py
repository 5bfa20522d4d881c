"""The verdict: its rules on planted numbers, and all 25 claims over stored models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.metrics import roc_auc_score

from sensdb.analysis.claims import judge
from sensdb.analysis.statistics.claim_contrasts import quantile_slopes, rank_difference
from sensdb.analysis.verdict import STATUSES, Evidence, overall, status_of, summary
from tests.analysis.conftest import Study
from tests.analysis.planted import planted_models


@pytest.mark.parametrize(
    ("number", "low", "high", "n", "options", "status"),
    [
        (0.5, 0.3, 0.7, 60, {}, "supported"),
        (0.5, 0.3, 0.7, 60, {"meets": False}, "not supported"),
        (0.1, -0.1, 0.3, 60, {}, "not supported"),
        (0.1, -0.4, 0.6, 10, {}, "underpowered"),
        (-0.5, -0.7, -0.3, 60, {}, "contradicted"),
        (-0.5, -0.7, -0.3, 60, {"above": False}, "supported"),
        (0.6, 0.55, 0.65, 60, {"null": 0.5}, "supported"),
        (0.5, None, None, 3, {}, "underpowered"),
        (None, None, None, 0, {}, "not covered"),
        (0.1, -0.1, 0.3, 10, {"covers": True}, "supported"),
        (0.3, 0.1, 0.5, 10, {"covers": True}, "contradicted"),
    ],
)
def test_a_number_has_the_status_of_the_rules(
    number: float | None, low: float | None, high: float | None, n: int, options: dict[str, Any], status: str
) -> None:
    assert status_of(Evidence("mnist", number, low, high, n, "configurations", "rho", **options)) == status


def test_a_claim_on_several_data_sets_has_the_weakest_of_their_statuses() -> None:
    assert overall(["supported", "supported"]) == "supported"
    assert overall(["supported", "underpowered", "not covered"]) == "underpowered"
    assert overall(["supported", "contradicted", "not supported"]) == "contradicted"
    assert overall(["not covered"]) == "not covered"


def test_the_verdict_has_all_25_claims_and_finds_what_was_planted(study: Study) -> None:
    study.add(*planted_models())

    rows, answers = judge(study.ask)

    assert {row["claim"] for row in rows} == set(range(1, 26))
    assert {row["status"] for row in rows} <= set(STATUSES)
    found = {(row["claim"], row["dataset"]): row for row in rows}
    assert found[12, "mnist"]["status"] == "supported"
    assert found[5, "mnist"]["number"] == 1
    assert found[4, "digits"]["number"] == pytest.approx(0.5)
    assert found[1, "digits"]["number"] == pytest.approx(3)
    assert found[25, "mnist"]["number"] > 0
    assert {row["status"] for row in rows if row["claim"] == 19} == {"not covered"}
    assert answers.n_models == study.ask("correlation").meta["n_models"]
    text = summary(rows)
    assert text.startswith("Of the paper's 18 claims the data leave: supported ")
    assert text.count(". ") == 1


def test_of_an_empty_database_nothing_is_covered_and_it_is_said(study: Study) -> None:
    rows, _ = judge(study.ask)

    assert [row["status"] for row in rows] == ["not covered"] * 25
    assert summary(rows).endswith("Nothing that bears on them is stored yet.")


def test_the_slope_of_a_quantile_is_statsmodels() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=200)
    y = 0.5 - 0.2 * x + generator.exponential(size=200)

    ours = quantile_slopes(x, y, np.ones((1, 200)))[0]

    exact = sm.QuantReg(y, sm.add_constant(x)).fit(q=0.05).params[1]
    assert ours == pytest.approx(exact, abs=0.01)


def test_two_correlations_over_the_same_models_differ_surely_where_one_of_them_alone_does() -> None:
    gap, own, noise = np.random.default_rng(1).normal(size=(3, 80))
    values = np.stack([gap, gap + 0.5 * own, noise])

    number, low, _ = rank_difference(values, np.arange(80), signed=False, draws=400, seed=0)
    same = rank_difference(values[[0, 1, 1]], np.arange(80), signed=True, draws=100, seed=0)

    assert number is not None
    assert low is not None
    assert number > low > 0.3
    assert same == (0, 0, 0)
    assert rank_difference(np.ones((3, 9)), np.arange(9), signed=True, draws=100, seed=0) == (None, None, None)


def test_the_auroc_over_doubt_is_paired_within_models(study: Study) -> None:
    study.add(*planted_models())

    rows = {(row["dataset"], row["metric"]): row for row in study.ask("point_auroc").rows}
    points = study.sql(
        "select model_id, not correct as wrong, logit_jacobian_norm as a, doubt as b from v_points"
        " where dataset = 'mnist' and train_accuracy >= 1 and label_noise = 0"
    ).frame

    apart = [
        roc_auc_score(each["wrong"], each["a"]) - roc_auc_score(each["wrong"], each["b"])
        for _, each in points.groupby("model_id")
        if each["wrong"].nunique() == 2
    ]
    row = rows["mnist", "logit_jacobian_norm"]
    assert row["over_doubt"] == pytest.approx(np.mean(apart), abs=1e-6)
    assert row["over_doubt_low"] < row["over_doubt"] < row["over_doubt_high"]
    assert rows["mnist", "doubt"]["over_doubt"] is None
