"""Figures: what they draw, what their captions say, and the files they become. How they look was looked at."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from sensdb.analysis.ask import ask
from sensdb.analysis.figures.catalogue import FIGURES
from sensdb.analysis.figures.files import save_figure
from sensdb.analysis.figures.gap import gap_figure
from sensdb.analysis.figures.points import points_figure
from sensdb.analysis.plot import names_to_show, plot
from sensdb.analysis.population import Filters
from sensdb.analysis.saved_queries import load_queries
from sensdb.database import schema
from sensdb.database.engine import writing
from sensdb.errors import QueryError, SensdbError, UsageError
from tests.analysis.conftest import Study
from tests.analysis.planted import planted_models


def configurations(*rows: dict[str, object]) -> pd.DataFrame:
    default = {
        "dataset": "digits", "label_noise": 0.0, "n_seeds": 2, "jacobian_norm_mean": 0.5, "jacobian_norm_sd": 0.1,
        "generalization_gap_mean": 0.05, "generalization_gap_sd": 0.01,
    }  # fmt: skip
    return pd.DataFrame([{**default, **row} for row in rows], columns=list(default))


def quantiles(dataset: str = "digits", n: int = 10) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "dataset": dataset, "quantile": range(1, n + 1), "n_points": 20, "jacobian_norm_mean": 1.0,
            "accuracy": [1 - i / 50 for i in range(n)], "loss_mean": 0.1, "loss_share": 1 / n,
            "accuracy_q05": 0.5, "accuracy_q95": 1.0, "n_models": 7,
        }
    )  # fmt: skip


def caption(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text().split()) for text in figure.texts)


def test_the_gap_figure_says_n_spread_and_exclusions() -> None:
    figure = gap_figure(configurations({}, {"generalization_gap_mean": 0.07}), {"not fitted": 3, "diverged": 1})

    assert caption(figure) == (
        "digits: 2 configurations, 4 models, all on true labels. A point is a configuration's mean over seeds; bars are"
        " one standard deviation over seeds. The Jacobian norm is the mean over test points. Left out: 3 not fitted, 1"
        " diverged."
    )


def test_the_gap_figures_axes_are_named_with_units_and_the_norms_is_logarithmic() -> None:
    (axes,) = gap_figure(configurations({}, {"jacobian_norm_mean": 5.0})).axes

    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "mean Jacobian norm\n(probability per unit of standardised input)"
    assert axes.get_ylabel() == "generalization gap"


def test_one_point_a_configuration_at_its_place() -> None:
    (axes,) = gap_figure(configurations({}, {"jacobian_norm_mean": 5.0, "generalization_gap_mean": 0.08})).axes

    (line,) = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"]
    assert list(line.get_xdata()) == [0.5, 5.0]
    assert list(line.get_ydata()) == [0.05, 0.08]


def test_random_labels_far_above_the_others_have_a_strip_of_their_own() -> None:
    figure = gap_figure(configurations({}, {"label_noise": 1.0, "generalization_gap_mean": 0.9}))

    above, below = figure.axes
    assert above.get_ylim()[0] > below.get_ylim()[1]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["true labels", "random labels"]


def test_random_labels_near_the_others_share_their_panel() -> None:
    figure = gap_figure(
        configurations({"generalization_gap_mean": 0.6}, {"label_noise": 1.0, "generalization_gap_mean": 0.9})
    )

    assert len(figure.axes) == 1


def test_each_data_set_has_a_panel() -> None:
    figure = gap_figure(configurations(*({"dataset": name} for name in ("digits", "mnist", "cifar10"))))

    assert [axes.get_title(loc="left") for axes in figure.axes] == ["digits", "mnist", "cifar10"]


def test_a_configuration_that_cannot_be_drawn_is_counted() -> None:
    figure = gap_figure(configurations({}, {"jacobian_norm_mean": 0.0}, {"jacobian_norm_mean": None}))

    assert "1 configurations, 2 models" in caption(figure)
    assert "2 configurations have no positive value to draw." in caption(figure)


def test_the_points_figure_says_models_and_exclusions() -> None:
    figure = points_figure(quantiles(), {"random labels": 5})

    assert caption(figure) == (
        "digits: 7 models. Points are ranked within their model, 1 holds the smallest norms. Lines: mean over models;"
        " band: 90 % of them; dotted: an even share. Left out: 5 random labels."
    )
    above, below = figure.axes
    assert (above.get_ylabel(), below.get_ylabel()) == ("accuracy", "share of the loss")
    assert below.get_xlabel() == "decile of points by Jacobian norm"


@pytest.mark.parametrize(("n", "name"), [(4, "quartile"), (7, "group"), (100, "percentile")])
def test_groups_are_called_what_they_are(n: int, name: str) -> None:
    assert points_figure(quantiles(n=n)).axes[1].get_xlabel() == f"{name} of points by Jacobian norm"


def test_several_data_sets_are_lines_with_a_legend() -> None:
    figure = points_figure(pd.concat([quantiles("digits"), quantiles("mnist")]))

    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["digits", "mnist"]


@pytest.mark.parametrize(("function", "rows"), [(gap_figure, configurations()), (points_figure, quantiles()[:0])])
def test_nothing_to_draw_is_an_empty_figure_that_says_so(function: object, rows: pd.DataFrame, tmp_path: Path) -> None:
    figure = function(rows, {"not fitted": 2})  # type: ignore[operator]

    assert "Left out: 2 not fitted." in caption(figure)
    assert any("no " in text.get_text() for text in figure.axes[0].texts)
    save_figure(figure, tmp_path / "empty.png")


def test_drawing_leaves_matplotlibs_settings_and_pyplot_alone() -> None:
    import sys

    before = dict(mpl.rcParams)

    gap_figure(configurations({}))

    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_figure_becomes_the_file_its_suffix_says_always_the_same(suffix: str, start: bytes, tmp_path: Path) -> None:
    first = save_figure(gap_figure(configurations({})), tmp_path / f"a.{suffix}").read_bytes()
    second = save_figure(gap_figure(configurations({})), tmp_path / f"b.{suffix}").read_bytes()

    assert first.startswith(start)
    assert first == second
    assert {path.name for path in tmp_path.iterdir()} == {f"a.{suffix}", f"b.{suffix}"}


def test_text_in_an_svg_is_text(tmp_path: Path) -> None:
    svg = save_figure(gap_figure(configurations({})), tmp_path / "a.svg").read_text()

    assert "generalization gap" in svg


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        save_figure(Figure(), tmp_path / "a.jpg")

    assert caught.value.message == f"-o {tmp_path / 'a.jpg'}: no figure has this suffix; allowed: .png, .svg, .pdf."


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SensdbError) as caught:
        save_figure(Figure(), tmp_path / "nowhere" / "a.png")

    assert caught.value.message == f"{tmp_path / 'nowhere' / 'a.png'} cannot be written: No such file or directory."


@pytest.mark.parametrize(
    "name", [name for name, drawing in FIGURES.items() if not drawing.of_one_model and not drawing.of_columns]
)
def test_every_figure_is_drawn_from_its_query(name: str, study: Study, tmp_path: Path) -> None:
    study.add(*planted_models())

    made = plot(study.url, study.cache, name)

    assert made.answer.table.equals(ask(study.url, study.cache, FIGURES[name].query).table)
    assert FIGURES[name].query in load_queries()
    assert "not fitted" in caption(made.figure)
    assert save_figure(made.figure, tmp_path / f"{name}.png").stat().st_size > 10_000


def test_a_figure_takes_parameters_and_filters(study: Study) -> None:
    study.add(*planted_models())

    made = plot(study.url, study.cache, "points", {"quantiles": "4"}, Filters(dataset="mnist"))

    assert made.answer.table.num_rows == 4


def test_a_figure_calls_a_data_set_of_a_file_by_the_files_name(study: Study) -> None:
    dataset = "npz:" + "a1b2c3d4" * 8
    study.add({"dataset": dataset}, {"dataset": dataset, "width": 7})
    sizes = dict.fromkeys(("n_train", "n_test", "height", "width", "channels", "n_classes"), 1)
    with writing(study.engine) as connection:
        connection.execute(schema.datasets.insert().values(dataset=dataset, name="letters", **sizes))

    made = plot(study.url, study.cache, "gap")

    assert "letters: 2 configurations, 2 models" in caption(made.figure)
    assert set(made.data["dataset"]) == {dataset}


def test_a_data_set_that_nothing_is_known_of_keeps_its_own_name_in_a_figure(study: Study) -> None:
    study.add({"dataset": "npz:a1b2"}, {"dataset": "npz:a1b2", "width": 7})

    assert "npz:a1b2: 2 configurations, 2 models" in caption(plot(study.url, study.cache, "gap").figure)


def test_names_in_figures_are_short_and_apart() -> None:
    names = {"npz:" + "a" * 64: "letters", "npz:" + "b" * 64: "letters", "mnist": "mnist", "npz:c": "x" * 40}

    assert list(names_to_show(names).values()) == ["letters (aaaaaaaa)", "letters (bbbbbbbb)", "mnist", "x" * 23 + "…"]


def test_an_unknown_figure_has_a_nearest_match(study: Study) -> None:
    with pytest.raises(QueryError) as caught:
        plot(study.url, study.cache, "gapp")

    assert (caught.value.message, caught.value.hint) == (
        "no figure 'gapp'.",
        "did you mean 'gap'? figures: size, trajectories, regions, pairs, gap, point_loss, points, scatter.",
    )


def test_no_model_to_draw_is_an_error_with_the_reasons(study: Study) -> None:
    study.add({"train_accuracy": 0.9, "fitted": False})

    with pytest.raises(QueryError) as caught:
        plot(study.url, study.cache, "gap")

    assert caught.value.message == "no model to draw; left out: 1 not fitted."
    assert caught.value.hint == "-p min_train_accuracy=0 takes models that did not fit."


def test_a_threshold_is_not_proposed_where_it_would_let_nothing_in(study: Study) -> None:
    study.add({"stop_reason": "diverged", "train_accuracy": None, "fitted": False})

    with pytest.raises(QueryError) as caught:
        plot(study.url, study.cache, "gap")

    assert caught.value.message == "no model to draw; left out: 1 diverged."
    assert caught.value.hint == "sensdb status shows the queue."


def test_an_empty_database_points_to_the_queue(study: Study) -> None:
    with pytest.raises(QueryError) as caught:
        plot(study.url, study.cache, "gap")

    assert (caught.value.message, caught.value.hint) == ("no model to draw.", "sensdb status shows the queue.")


def test_models_whose_transitions_were_counted_otherwise_are_in_figures_without_transitions(study: Study) -> None:
    study.add({}, {"width": 7}, {"width": 9, "transitions_method": "sampled:28"})

    made = plot(study.url, study.cache, "gap")

    assert made.answer.meta["left_out"] == {"other transitions method (of transitions alone)": 1}
    assert "3 configurations, 3 models" in caption(made.figure)
    assert "Nothing is left out." in caption(made.figure)
