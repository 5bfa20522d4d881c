"""The paper's figures 1, 4 and 6: what is drawn, what the caption says, and that --data holds the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from sensdb.analysis.figures.pairs import pairs_figure
from sensdb.analysis.figures.paper import take_caption
from sensdb.analysis.figures.point_loss import point_loss_data, point_loss_figure
from sensdb.analysis.figures.size import size_data, size_figure
from sensdb.errors import QueryError


def caption(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text().split()) for text in figure.texts)


def drawn(figure: Figure) -> set[tuple[float, float]]:
    """All marks of a figure as (x, y)."""
    lines = [line for axes in figure.axes for line in axes.lines if line.get_marker() not in ("None", None)]
    return {(float(x), float(y)) for line in lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)}


def frame(default: Mapping[str, Any], *rows: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([{**default, **row} for row in rows], columns=list(default))


def configurations(*rows: Mapping[str, Any]) -> pd.DataFrame:
    default = {
        "dataset": "digits", "label_noise": 0.0, "loss": "cross_entropy", "n_seeds": 2, "n_parameters": 1000,
        "train_loss_mean": 0.01, "generalization_gap_mean": 0.05, "generalization_gap_sd": 0.01,
        "configuration_sha256": "0" * 64,
    }  # fmt: skip
    return frame(default, *rows)


def pairs(*rows: Mapping[str, Any]) -> pd.DataFrame:
    default = {
        "dataset": "digits", "factor": "nonlinearity", "metric": "jacobian_norm", "pair": 1, "value_lower": 1.0,
        "value_higher": 2.0,
    }  # fmt: skip
    return frame(default, *rows)


def points(*rows: Mapping[str, Any]) -> pd.DataFrame:
    default = {
        "dataset": "digits", "loss_function": "cross_entropy", "model_id": 1, "point_index": 0, "loss": 0.1,
        "jacobian_norm": 0.5, "correct": True, "doubt": 0.1,
    }  # fmt: skip
    return frame(default, *rows)


def test_size_stands_beside_training_loss_on_logarithmic_axes() -> None:
    figure = size_figure(configurations({}, {"n_parameters": 100000, "train_loss_mean": 1e-6}))

    left, right = figure.axes
    assert (left.get_xlabel(), right.get_xlabel()) == ("weights", "training loss (nats)")
    assert (left.get_xscale(), right.get_xscale(), left.get_yscale()) == ("log", "log", "linear")
    assert drawn(figure) == {(1000, 0.05), (100000, 0.05), (0.01, 0.05), (1e-6, 0.05)}


def test_size_leaves_out_random_labels_and_another_loss_and_says_so() -> None:
    rows = configurations({}, {"label_noise": 1.0}, {"loss": "squared"}, {"train_loss_mean": 0.0})

    figure = size_figure(rows, {"not fitted": 3})

    assert caption(figure) == (
        "digits: 2 configurations, 4 models. A point is a configuration's mean over seeds; bars: one standard deviation"
        " over seeds. 1 have a training loss of 0 and stand on the left alone. Left out: 3 not fitted, 2 on random or"
        " noisy labels, 2 trained on squared loss."
    )
    assert list(size_data(rows)["train_loss_mean"]) == [0.01, 0.0]


def test_pairs_have_a_row_a_factor_and_a_column_a_metric_around_one_diagonal() -> None:
    figure = pairs_figure(
        pairs(
            {},
            {"pair": 2, "value_lower": 8.0, "value_higher": 4.0},
            {"metric": "generalization_gap", "value_lower": 0.1, "value_higher": 0.3},
            {"factor": "optimizer", "metric": "generalization_gap", "value_lower": 0.2, "value_higher": 0.2},
        ),
        {"not fitted": 2},
    )

    norm, gap, _, tie = figure.axes
    assert (norm.get_xscale(), gap.get_xscale()) == ("log", "linear")
    assert [text.get_text() for axes in (norm, gap, tie) for text in axes.texts] == ["1 of 2", "1 of 1", "0 of 1"]
    assert norm.get_xlim() == norm.get_ylim()
    assert {(1.0, 2.0), (8.0, 4.0), (0.1, 0.3), (0.2, 0.2)} <= drawn(figure)
    assert (norm.get_ylabel(), gap.get_xlabel()) == ("hard sigmoid", "ReLU")
    assert caption(figure).startswith("Pairs: nonlinearity 2 on digits; optimizer 1 on digits.")
    assert caption(figure).endswith("Left out: 2 not fitted.")


def test_more_metrics_than_fit_are_refused() -> None:
    with pytest.raises(QueryError) as caught:
        pairs_figure(pairs(*({"metric": f"metric_{i}"} for i in range(4))))

    assert (caught.value.message, caught.value.hint) == (
        "4 metrics do not fit the figure pairs.",
        "-p metric=... names 3.",
    )


def test_points_stand_at_loss_and_norm_the_wrong_ones_apart() -> None:
    rows = points({}, {"loss": 2.0, "jacobian_norm": 1.5, "correct": False}, {"loss": 0.0}, {"jacobian_norm": 0.0})

    figure = point_loss_figure(rows, {"random labels": 1})

    (axes,) = figure.axes
    right, wrong = axes.lines[:2]
    assert (list(right.get_xdata()), list(right.get_ydata())) == ([0.1], [0.5])
    assert (list(wrong.get_xdata()), list(wrong.get_ydata())) == ([2.0], [1.5])
    assert right.get_color() != wrong.get_color()
    assert right.get_marker() != wrong.get_marker()
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "digits, cross-entropy: 1 models, 2 points." in caption(figure)
    assert "2 points with a loss or norm of 0 cannot be shown. Left out: 1 random labels." in caption(figure)
    assert list(point_loss_data(rows)["loss"]) == [0.1, 2.0]


def test_points_of_both_losses_have_a_panel_each_and_data_sets_a_row() -> None:
    one = point_loss_figure(points({}, {"loss_function": "squared"}))
    two = point_loss_figure(points({}, {"loss_function": "squared"}, {"dataset": "mnist"}))

    assert [axes.get_xlabel() for axes in one.axes] == ["cross-entropy (nats)", "squared loss"]
    assert [axes.get_title(loc="left") for axes in two.axes] == ["digits", "digits", "mnist", "mnist"]
    assert [text.get_text() for text in two.axes[3].texts] == ["no points"]


@pytest.mark.parametrize("figure", [size_figure, pairs_figure, point_loss_figure])
def test_no_rows_are_an_empty_figure_that_says_so(figure: Any) -> None:
    rows = {size_figure: configurations, pairs_figure: pairs, point_loss_figure: points}[figure]()

    made = figure(rows, {"not fitted": 1})

    assert any(text.get_text().startswith("no ") for axes in made.axes for text in axes.texts)
    assert "Left out: 1 not fitted." in caption(made)


def test_a_page_takes_the_caption_off_its_figure_with_its_room() -> None:
    figure = size_figure(configurations({}))
    height = figure.get_size_inches()[1]

    text = take_caption(figure)

    assert text.startswith("digits: 1 configurations, 2 models.")
    assert "\n" not in text
    assert figure.texts == []
    assert figure.get_size_inches()[1] < height


def test_no_tick_of_a_logarithmic_axis_is_outside_it_and_two_are_named() -> None:
    for low, high in ((0.11, 3.4), (500.0, 1500.0), (1e-38, 10.0), (0.2, 0.5), (1e-4, 1e5)):
        (axes,) = point_loss_figure(points({"loss": low}, {"loss": high})).axes
        ticks = axes.xaxis.get_majorticklocs()
        left, right = axes.get_xlim()
        assert 2 <= len(ticks) <= 6
        assert np.all((left <= ticks) & (ticks <= right))
