"""`sensdb plot`, any two columns above all: what is drawn, the numbers beside it, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import LogNorm

from sensdb.analysis.plot import plot
from sensdb.errors import QueryError, UsageError
from tests.analysis.conftest import Study
from tests.cli import conftest as command_line
from tests.cli.running import Here

folder = command_line.folder
sensdb = command_line.sensdb


def scatter(study: Study, **named: str):
    return plot(study.url, study.cache, "scatter", named)


@pytest.fixture
def asked(study: Study, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study of three fitted models and one that is not, as the database of the command line."""
    study.add(
        *(
            {"width": width, "jacobian_norm_mean": width / 10, "generalization_gap": width / 1000}
            for width in (5, 10, 20)
        ),
        {"fitted": False, "train_accuracy": 0.9},
    )
    monkeypatch.setenv("SENSDB_DATABASE_URL", study.url)
    return study


def test_a_scatter_has_a_point_a_model_and_says_whose(asked: Study) -> None:
    made = scatter(asked, x="jacobian_norm", y="generalization_gap")

    (axes,) = made.figure.axes
    (line,) = axes.lines
    assert list(line.get_xdata()) == [0.5, 1.0, 2.0]
    assert list(line.get_ydata()) == [0.005, 0.01, 0.02]
    assert axes.get_xlabel() == "jacobian norm mean (probability\nper unit of standardised input)"
    (caption,) = made.figure.texts
    assert caption.get_text() == "A point is a model: 3 on digits. Left out: 1 not fitted."
    pd.testing.assert_frame_equal(
        made.data[["model_id", "jacobian_norm_mean"]],
        pd.DataFrame({"model_id": [1, 2, 3], "jacobian_norm_mean": [0.5, 1.0, 2.0]}),
    )


def test_numbers_that_spread_over_decades_get_a_logarithmic_axis_and_a_few_zeros_are_counted(study: Study) -> None:
    losses = [0.0, *np.geomspace(1e-6, 1, 30)]
    study.add(*({"seed": i, "train_loss": loss, "width": 5} for i, loss in enumerate(losses)))

    made = scatter(study, x="train_loss", y="width", color="train_loss")

    axes = made.figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert isinstance(axes.collections[0].norm, LogNorm)
    assert len(made.data) == 30
    assert "1 models lack one of the numbers, or have a 0 on a logarithmic" in " ".join(
        made.figure.texts[0].get_text().split()
    )


def test_words_are_told_apart_by_colour_and_marker(study: Study) -> None:
    study.add({}, {"nonlinearity": "tanh"}, {"nonlinearity": "relu6"})

    made = scatter(study, x="width", y="test_accuracy", color="nonlinearity")

    lines = made.figure.axes[0].lines
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 3
    assert [text.get_text() for text in made.figure.legends[0].get_texts()] == ["relu", "relu6", "tanh"]


def test_more_words_than_can_be_told_apart_are_refused(study: Study) -> None:
    study.add(*({"width": width, "hidden_layers": 1} for width in range(1, 9)))

    with pytest.raises(QueryError) as caught:
        scatter(study, x="width", y="test_accuracy", color="widths")

    assert caught.value.message == "--color widths: 8 different values; at most 6 can be told apart."


def test_a_column_that_all_models_lack_is_an_empty_figure_that_says_so(study: Study) -> None:
    study.add({}, {"width": 5})

    made = scatter(study, x="boundary_distance", y="width")

    assert [text.get_text() for text in made.figure.axes[0].texts] == ["no model has both numbers"]
    assert len(made.data) == 0


@pytest.mark.parametrize(
    ("named", "message", "hint"),
    [
        ({"x": "widht"}, "no number column 'widht' in v_models.", "did you mean 'width'?"),
        ({"x": "jacobian_nrm"}, "no number column 'jacobian_nrm' in v_models.", "did you mean 'jacobian_norm'?"),
        ({"x": "nonlinearity"}, "no number column 'nonlinearity' in v_models.", "the table data_dictionary lists all"),
        ({"x": "width", "color": "qqqq"}, "no column 'qqqq' in v_models.", "the table data_dictionary lists all"),
        ({"x": "1; drop table models"}, "no number column '1; drop table models'", "the table data_dictionary"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_the_nearest(study: Study, named, message, hint) -> None:
    with pytest.raises(QueryError) as caught:
        scatter(study, y="width", **named)

    assert caught.value.message.startswith(message)
    assert hint in str(caught.value.hint)


def test_one_column_is_too_few(study: Study) -> None:
    with pytest.raises(UsageError, match="scatter needs two columns"):
        scatter(study, x="width")


def test_the_command_draws_and_writes_the_numbers_in_the_format_of_their_suffix(asked: Study, sensdb: Here) -> None:
    ran = sensdb("plot", "scatter", "width", "generalization_gap", "-o", "a.svg", "--data", "a.json")

    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "wrote a.svg (3 models used; left out: 1 not fitted)\nwrote 3 rows to a.json\n"
    assert [row["width"] for row in json.loads(Path("a.json").read_text())] == [5, 10, 20]


def test_numbers_lie_beside_the_figure_as_csv_unless_a_file_is_named(asked: Study, sensdb: Here) -> None:
    assert sensdb("plot", "gap", "-o", "gap.pdf", "--data").code == 0

    header, *rows = Path("gap.csv").read_text().splitlines()
    assert header.split(",")[:4] == ["dataset", "label_noise", "n_seeds", "jacobian_norm_mean"]
    assert [row.split(",")[3] for row in rows] == ["0.5", "1.0", "2.0"]


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        (("gapp",), 2, "'gapp' is not one of size, trajectories", "did you mean 'gap'?"),
        (("gap", "-o", "gap.jpg"), 2, "-o gap.jpg: no figure has this suffix.", "allowed: .png, .svg, .pdf."),
        (("gap", "--data", "gap.xls"), 2, "--data gap.xls: no format has this suffix.", "allowed: .csv, .tsv"),
        (("gap", "-o", "no/such/gap.png"), 1, "no/such/gap.png cannot be written: No such file", "-o names another"),
        (("gap", "width"), 2, "plot gap takes no columns, 'width' is one.", "sensdb plot scatter X Y"),
        (("gap", "--color", "width"), 2, "plot gap takes no columns, --color width is one.", "sensdb plot scatter"),
        (("scatter", "width"), 2, "plot scatter takes two columns, X and Y; 1 are given.", "sensdb plot scatter"),
        (("scatter", "widht", "width"), 1, "no number column 'widht' in v_models.", "did you mean 'width'?"),
        (("gap", "-p", "qq=1"), 2, "the query has no parameter 'qq'.", "parameters: min_train_accuracy"),
        (("gap", "--dataset", "mnist"), 1, "no model to draw.", "sensdb status shows the queue."),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_one_line_and_one_hint(asked: Study, sensdb: Here, words, code, message, hint) -> None:
    ran = sensdb("plot", *words)

    lines = ran.err.splitlines()
    assert (ran.code, ran.out) == (code, "")
    assert message in lines[0]
    assert lines[0].startswith("Error: ")
    assert len(lines) == 2
    assert lines[1].startswith("Hint: ")
    assert hint in lines[1]


def test_a_mistake_is_told_before_anything_heavy_is_loaded(asked: Study) -> None:
    code = (
        "import sys; from sensdb.cli import main; main(['plot', 'gap', '-o', 'a.jpg']);"
        "sys.exit(bool({'matplotlib', 'duckdb', 'pandas', 'sqlalchemy'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_help_speaks_of_no_option_that_plot_has_not(sensdb: Here) -> None:
    ran = sensdb("plot", "--help")

    assert "--sql" not in ran.out
    assert "the paper's figure 5" in " ".join(ran.out.split())


def test_the_same_figure_comes_from_both_databases(database_url: str, tmp_path: Path) -> None:
    study = Study(database_url, tmp_path / "cache")
    study.add({"n_parameters": 10}, {"width": 7, "jacobian_norm_mean": 2.5})

    made = scatter(study, x="jacobian_norm", y="width", color="n_parameters")
    study.engine.dispose()

    assert list(made.data["jacobian_norm_mean"]) == [1.0, 2.5]
    assert list(made.data["width"]) == [64, 7]
