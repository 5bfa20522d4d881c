"""Selective prediction and points that every model gets wrong, beside plain loops over the same points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.analysis.conftest import Study

N = 40


def models(n: int = 3) -> list[dict[str, Any]]:
    """Points 0 and 1 are wrong in all models, the rest at random, more often where doubt is large."""
    generator = np.random.default_rng(0)
    made = []
    for width in range(1, n + 1):
        points = []
        for index in range(N):
            doubt = float(np.float32(generator.random()))
            right = index > 1 and bool(generator.random() > 0.6 * doubt)
            points.append({"correct": right, "predicted": 1 if right else 2 + index, "doubt": doubt})
        made.append({"width": width, "points": points})
    return made


def test_risk_and_coverage_are_those_of_answering_one_point_after_the_other(study: Study) -> None:
    study.add(*models())

    (row,) = study.ask("risk_coverage", metric="doubt").rows

    areas, excesses, halves = [], [], []
    for model in models():
        points = sorted(model["points"], key=lambda point: point["doubt"])
        risks = np.cumsum([not point["correct"] for point in points]) / np.arange(1, N + 1)
        error = risks[-1]
        areas.append(risks.mean())
        excesses.append(risks.mean() - (error + (1 - error) * np.log(1 - error)))
        halves.append(risks[N // 2 - 1])
    assert row["aurc_mean"] == pytest.approx(np.mean(areas))
    assert row["excess_mean"] == pytest.approx(np.mean(excesses))
    assert row["risk_50"] == pytest.approx(np.mean(halves))
    assert row["n_models"] == 3


def test_points_that_all_models_get_wrong_are_named_with_their_commonest_answer(study: Study) -> None:
    study.add(*models(6))

    rows = {row["point_index"]: row for row in study.ask("points_always_wrong").rows}
    half = study.ask("points_always_wrong", min_share=0.5).rows

    assert {0, 1} <= set(rows)
    assert all(row["share_wrong"] == 1 for row in rows.values())
    assert (rows[1]["commonest_answer"], rows[1]["share_commonest"], rows[1]["n_models"]) == (3, 1, 6)
    assert len(half) > len(rows)


def test_a_model_that_is_always_right_has_no_point_that_is_wrong(study: Study) -> None:
    study.add({"points": [{}, {}]})

    assert study.ask("points_always_wrong", min_share=0).rows == []
    assert study.ask("risk_coverage").rows == []
