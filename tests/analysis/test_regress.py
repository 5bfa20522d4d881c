"""Regressions: planted slopes are found, errors are statsmodels', and a formula is read and never evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

from sensdb.analysis.formula import parse_formula
from sensdb.analysis.regress import regress
from sensdb.analysis.statistics.regression import out_of_fold, regression
from sensdb.errors import QueryError, SensdbError, UsageError
from tests.analysis.conftest import Study
from tests.analysis.planted import planted_models

COLUMNS = {"generalization_gap": "real", "jacobian_norm_mean": "real", "hidden_layers": "integer", "optimizer": "text"}


def planted(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """60 configurations of 3 alike seeds: y = 2 + 1.5 a, b does nothing."""
    generator = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(60), 3)
    design = generator.normal(size=(60, 2))[cluster]
    y = 2 + 1.5 * design[:, 0] + generator.normal(size=60)[cluster] + 0.2 * generator.normal(size=180)
    return y, design, cluster


@pytest.mark.parametrize(
    ("errors", "options"),
    [("hc3", {"cov_type": "HC3"}), ("cluster", {"cov_type": "cluster", "cov_kwds": {"groups": planted()[2]}})],
)
def test_slopes_and_errors_are_statsmodels(errors: str, options: dict[str, Any]) -> None:
    y, design, cluster = planted()

    made = regression(y, design, ["a", "b"], np.array([0]), cluster, errors)

    fit = sm.OLS(y, sm.add_constant(design)).fit(**options)
    assert not isinstance(made, str)
    assert [each.slope for each in made.slopes] == pytest.approx(fit.params)
    assert [(each.low, each.high) for each in made.slopes] == [pytest.approx(row) for row in fit.conf_int()]
    assert made.slopes[1].standardised == pytest.approx(fit.params[1] * design[:, 0].std() / y.std())
    assert made.r2 == pytest.approx(fit.rsquared)


def test_errors_by_configuration_are_wider_than_by_model_and_the_mixed_model_agrees_with_them() -> None:
    y, design, cluster = planted()

    widths = {}
    for errors in ("hc3", "cluster", "mixed"):
        made = regression(y, design, ["a", "b"], np.array([0]), cluster, errors)
        assert not isinstance(made, str)
        widths[errors] = made.slopes[1].high - made.slopes[1].low
        assert made.slopes[1].low < 1.5 < made.slopes[1].high

    assert widths["cluster"] > 1.3 * widths["hc3"]
    assert widths["mixed"] == pytest.approx(widths["cluster"], rel=0.4)


def test_the_gain_is_of_a_term_that_predicts_and_not_of_one_that_does_not() -> None:
    y, design, cluster = planted()

    real = regression(y, design, ["a", "b"], np.array([0]), cluster, "cluster")
    idle = regression(y, design, ["a", "b"], np.array([1]), cluster, "cluster")

    assert not isinstance(real, str)
    assert not isinstance(idle, str)
    assert real.r2_gain is not None
    assert idle.r2_gain is not None
    assert real.r2_gain > 0.5
    assert idle.r2_gain < 0.02


def test_folds_hold_whole_configurations_so_that_a_number_a_configuration_predicts_nothing() -> None:
    cluster = np.repeat(np.arange(40), 4)
    y = np.random.default_rng(1).normal(size=40)[cluster]
    one_a_configuration = np.eye(40)[cluster][:, 1:]

    explained = out_of_fold(y, one_a_configuration, cluster)

    assert explained is not None
    assert explained <= 0


@pytest.mark.parametrize(
    ("n", "design", "reason"),
    [
        (3, [[1.0], [2.0], [4.0]], "3 models of 3 configurations and it needs 4 of each"),
        (6, [[1.0]] * 6, "a term is constant, or decided by the others"),
        (6, [[float(i), 2.0 * i] for i in range(6)], "a term is constant, or decided by the others"),
    ],
)
def test_what_cannot_be_fitted_is_said(n: int, design: list[list[float]], reason: str) -> None:
    names = ["a", "b"][: len(design[0])]

    made = regression(np.arange(n) ** 2.0, np.array(design), names, np.array([0]), np.arange(n), "cluster")

    assert made == reason


@pytest.mark.parametrize(
    ("text", "error", "message", "hint"),
    [
        ("generalization_gap ~ jacobian_nrom", QueryError, "'jacobian_nrom' is no column", "'jacobian_norm'?"),
        ("generalization_gap ~ lgo(jacobian_norm)", UsageError, "no function 'lgo'", "'log'?"),
        ("generalization_gap ~ __import__('os').system('true')", UsageError, "is not understood", "it reads"),
        ("generalization_gap ~ hidden_layers ** 2", UsageError, "is not understood", "it reads"),
        ("generalization_gap", UsageError, "no single ~", "it reads"),
        ("optimizer ~ hidden_layers", UsageError, "left side optimizer is no number", "it reads"),
        ("generalization_gap ~ log(optimizer)", UsageError, "log of optimizer", "it reads"),
        ("generalization_gap ~ hidden_layers + hidden_layers", UsageError, "hidden_layers twice", "it reads"),
    ],
)
def test_a_wrong_formula_is_refused(text: str, error: type[SensdbError], message: str, hint: str) -> None:
    with pytest.raises(error) as caught:
        parse_formula(text, COLUMNS)

    assert message in caught.value.message
    assert hint in str(caught.value.hint)


def test_a_formula_over_stored_models_gives_its_terms_and_counts_whom_it_leaves_out(study: Study) -> None:
    study.add(*planted_models(n_points=0))
    study.add(*({"width": 500 + i, "jacobian_norm_mean": 0.0} for i in range(2)))
    formula = "log10(generalization_gap) ~ log10(jacobian_norm) + C(nonlinearity) + rank(width)"

    answer = regress(study.url, study.cache, formula)

    terms = [row["term"] for row in answer.rows]
    assert terms == ["constant", "log10(jacobian_norm)", "nonlinearity = relu", "rank(width)"]
    assert answer.rows[1]["slope_low"] > 0
    assert answer.meta["left_out"]["without a finite value of a term"] == 2
    assert answer.meta["n_models"] == answer.rows[0]["n_models"]


def test_too_few_models_for_a_regression_say_how_many_it_needs(study: Study) -> None:
    study.add({}, {"width": 3})

    with pytest.raises(QueryError, match="2 models of 2 configurations and it needs 4 of each"):
        regress(study.url, study.cache, "generalization_gap ~ jacobian_norm")


def test_a_regression_of_no_models_is_an_empty_result(study: Study) -> None:
    assert regress(study.url, study.cache, "generalization_gap ~ jacobian_norm").rows == []
