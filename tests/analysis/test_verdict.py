"""The verdict: its rules on planted numbers, and all 25 claims over stored models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.metrics import roc_auc_score

from sensdb.analysis.ask_verdict import ask_verdict
from sensdb.analysis.claims import judge
from sensdb.analysis.statistics.claim_contrasts import rank_difference
from sensdb.analysis.statistics.quantile_slope import quantile_slopes
from sensdb.analysis.verdict import STATUSES, Evidence, by_claim, of_dataset, overall, status_of, summary
from sensdb.errors import UsageError
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
        (0.2, 0.1, 0.4, 60, {"not_above": True, "null": 0.5}, "supported"),
        (0.5, 0.4, 0.6, 60, {"not_above": True, "null": 0.5}, "supported"),
        (0.5, 0.2, 0.8, 10, {"not_above": True, "null": 0.5}, "underpowered"),
        (0.8, 0.6, 0.9, 60, {"not_above": True, "null": 0.5}, "contradicted"),
        (0.5, None, None, 60, {"decides": False}, None),
        (0.5, 0.3, 0.7, 60, {"decides": False}, "supported"),
    ],
)
def test_a_number_has_the_status_of_the_rules(
    number: float | None, low: float | None, high: float | None, n: int, options: dict[str, Any], status: str | None
) -> None:
    assert status_of(Evidence("mnist", number, low, high, n, "configurations", "rho", **options)) == status


def test_on_a_data_set_a_claim_is_worth_what_the_worst_of_its_numbers_is() -> None:
    assert of_dataset(["supported", "supported"]) == "supported"
    assert of_dataset(["supported", "not covered"]) == "not covered"
    assert of_dataset(["underpowered", "not covered", "supported"]) == "underpowered"
    assert of_dataset(["not supported", "contradicted", "supported"]) == "contradicted"


def test_a_data_set_too_small_to_tell_decides_only_where_none_can_or_each_must() -> None:
    assert overall(["supported", "supported"]) == "supported"
    assert overall(["supported", "underpowered", "not covered"]) == "supported"
    assert overall(["supported", "underpowered"], on_each=True) == "underpowered"
    assert overall(["underpowered", "not covered"]) == "underpowered"
    assert overall(["supported", "not supported", "underpowered"]) == "not supported"
    assert overall(["supported", "contradicted", "not supported"]) == "contradicted"
    assert overall(["not covered"]) == "not covered"


def number(dataset: str, status: str, n: int, *, decides: bool = True, claim: int = 5, value: float = 0.5) -> Any:
    """A row of `verdict.PARTS`."""
    ends = {"low": value - 0.1, "high": value + 0.1, "n": n, "unit": "pairs", "measure": f"share {n}"}
    about = {"statement": "s", "remarks": None, "query": "factor_pairs", "decides": decides}
    return {"claim": claim, "dataset": dataset, "status": status, "number": value, **ends, **about}


def test_a_claims_row_tells_of_the_data_sets_that_disagree_with_it() -> None:
    rows = [
        number("digits", "supported", 90),
        number("mnist", "contradicted", 6),
        number("npz:0123456789ab", "supported", 4),
    ]

    (row,) = by_claim(rows)

    assert (row["status"], row["dataset"], row["n"]) == ("contradicted", "mnist", 6)
    assert row["by_dataset"] == "contradicted: mnist; supported: digits, npz:01234567"
    assert "contradicted 5 (not everywhere)" in summary(rows)


def test_of_data_sets_that_agree_a_claims_row_shows_the_widest() -> None:
    (row,) = by_claim([number("digits", "supported", 6), number("mnist", "supported", 90)])

    assert (row["dataset"], row["n"]) == ("mnist", 90)


def test_a_claims_row_shows_the_number_that_decides_and_the_others_beside() -> None:
    rows = [number("mnist", "supported", 90), number("mnist", "not supported", 80), number("mnist", "supported", 99)]
    rows.append(number("mnist", "contradicted", 500, decides=False))

    (row,) = by_claim(rows)

    assert (row["status"], row["measure"]) == ("not supported", "share 80")
    assert row["remarks"] == (
        "share 90 0.5 [0.4, 0.6] supported; share 99 0.5 [0.4, 0.6] supported; share 500 0.5 [0.4, 0.6]"
    )


def test_the_verdict_has_all_25_claims_and_finds_what_was_planted(study: Study) -> None:
    study.add(*planted_models())

    parts, answers = judge(study.ask)
    rows = by_claim(parts)

    assert [row["claim"] for row in rows] == list(range(1, 26))
    assert {row["status"] for row in rows} <= set(STATUSES)
    found = {(row["claim"], row["dataset"]): row for row in reversed(parts)}  # the first number of each
    assert found[12, "mnist"]["status"] == "supported"
    assert found[5, "mnist"]["number"] == 1
    assert found[4, "digits"]["number"] == pytest.approx(0.5)
    assert found[1, "digits"]["number"] == pytest.approx(3)
    assert found[25, "mnist"]["number"] > 0
    assert rows[18]["status"] == "not covered"
    assert "squared loss" in rows[18]["remarks"]
    assert answers.n_models == study.ask("correlation").meta["n_models"]
    text = summary(parts)
    assert text.startswith("Of the paper's 18 claims the data leave: supported ")
    assert text.count(". ") == 1


def test_every_number_behind_the_verdict_comes_with_its_data_set_and_its_query(study: Study) -> None:
    study.add(*planted_models())

    answer = ask_verdict(study.url, study.cache, {"by": "number"})

    rows = answer.rows
    assert {row["claim"] for row in rows} == set(range(1, 26))
    assert {row["dataset"] for row in rows if row["claim"] == 12} == {"digits", "mnist"}
    assert {row["query"] for row in rows if row["claim"] == 25} == {
        "claim_contrasts", "axis_correlation", "sign_error", "conditional_information",
    }  # fmt: skip
    assert answer.table.column_names == [column.name for column in answer.columns]
    assert answer.meta["notes"][-1].startswith("Of the paper's 18 claims")
    with pytest.raises(UsageError):
        ask_verdict(study.url, study.cache, {"by": "sweep"})


def test_of_an_empty_database_nothing_is_covered_and_every_row_says_what_must_be_stored(study: Study) -> None:
    parts, _ = judge(study.ask)

    rows = by_claim(parts)
    assert [(row["status"], row["number"]) for row in rows] == [("not covered", None)] * 25
    assert all(len(row["remarks"]) > 20 for row in rows)
    assert summary(parts).endswith("Nothing that bears on them is stored yet.")


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

    number, ends = rank_difference(values, np.arange(80), signed=False, draws=400, seed=0)
    same = rank_difference(values[[0, 1, 1]], np.arange(80), signed=True, draws=100, seed=0)

    assert number is not None
    assert ends is not None
    assert number > ends[0] > 0.3
    assert same == (0, (0, 0))
    assert rank_difference(np.ones((3, 9)), np.arange(9), signed=True, draws=100, seed=0) == (None, None)


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
