"""Saved queries and figures of trajectories and region slices."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from sensdb.analysis.figures.files import save_figure
from sensdb.analysis.figures.regions import regions_figure
from sensdb.analysis.figures.trajectories import trajectories_figure
from sensdb.analysis.plot import plot
from sensdb.database import schema
from sensdb.database.engine import writing
from sensdb.errors import ArtifactError, QueryError
from sensdb.results.artifacts import ArtifactStore
from sensdb.results.pictures import pictures_bytes
from tests.analysis.conftest import Study
from tests.analysis.planted import regions, trajectories

IDENTITY = "0" * 8 + "-0000" * 3 + "-" + "0" * 12


def caption(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text().split()) for text in figure.texts)


def pictures(*, pixels: bool = False) -> dict[str, np.ndarray]:
    """A plane on which one boundary of each of two layers is seen before training, and after it the same or pixels."""
    exact = {
        "segments": np.array([[[-2.0, 0.0], [2.0, 0.0]], [[0.0, -2.0], [0.0, 2.0]]]),
        "layers": np.array([0, 1]),
        "corners": np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]),
        "sizes": np.array([3]),
        "n_hidden": np.array(2),
    }
    seen = {"changes_all": np.eye(8, dtype=np.int32), "changes_last_hidden": np.zeros((8, 8), dtype=np.int32)}
    after = {**seen, "n_hidden": np.array(2)} if pixels else exact
    plane = {"origin": np.zeros(3), "e1": np.eye(3)[0], "e2": np.eye(3)[1], "half": np.array(2.0)}
    return {
        **plane,
        "points": np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]]),
        "radius": np.array(0.25),
        **{f"before_{name}": array for name, array in exact.items()},
        **{f"after_{name}": array for name, array in after.items()},
    }


def add_with_file(study: Study, folder: Path, *, seed: int = 0, pixels: bool = False) -> int:
    """A model with slices and their file; returns its number."""
    (model_id,) = study.add({"seed": seed})
    file = ArtifactStore(str(folder), IDENTITY).put("regions", pictures_bytes(pictures(pixels=pixels)), "npz")
    with writing(study.engine) as connection:
        values = {"model_id": model_id, **vars(file)}
        (artifact_id,) = connection.execute(schema.artifacts.insert().values(values)).inserted_primary_key
        rows = [{"model_id": model_id, "artifact_id": artifact_id, **row} for row in regions(seed)]
        connection.execute(schema.region_slices.insert(), rows)
    return model_id


def test_a_profile_is_the_mean_over_models_of_their_mean_over_ellipses(study: Study) -> None:
    study.add(*({"seed": seed, "trajectories": trajectories(2, seed)} for seed in (0, 1)))

    rows = study.ask("trajectory_profile").rows

    assert len(rows) == 3 * 63
    at = {(row["kind"], row["position"]): row for row in rows}
    assert at["random", 31]["log10_jacobian_norm_mean"] == pytest.approx(-0.5)  # of 0 and -1
    assert at["different_classes", 30]["log10_jacobian_norm_mean"] == pytest.approx(-2.5)
    assert at["different_classes", 31]["log10_jacobian_norm_mean"] == pytest.approx(-3.5)
    assert at["same_class", 31]["angle"] == pytest.approx(math.pi, rel=1e-6)
    assert at["random", 5]["transitions_mean"] == pytest.approx(3.5)
    assert {(row["n_models"], row["n_trajectories"]) for row in rows} == {(2, 4)}


def test_a_profile_is_of_true_labels_and_fitted_models_unless_asked_otherwise(study: Study) -> None:
    study.add(
        {"trajectories": trajectories()},
        {"trajectories": trajectories(), "label_noise": 1.0},
        {"trajectories": trajectories(), "train_accuracy": 0.9, "fitted": False, "seed": 1},
    )

    def n_models(**parameters: Any) -> set[int]:
        return {row["n_models"] for row in study.ask("trajectory_profile", **parameters).rows}

    assert n_models() == {1}
    assert n_models(labels="all") == {2}
    assert n_models(labels="all", min_train_accuracy=0) == {3}


def test_slices_are_compared_before_and_after(study: Study) -> None:
    study.add({"regions": regions(0)}, {"regions": regions(1), "seed": 1})

    rows = study.ask("region_slices").rows

    assert [(row["model_id"], row["scope"]) for row in rows] == [
        (1, "all"),
        (1, "last_hidden"),
        (2, "all"),
        (2, "last_hidden"),
    ]
    assert [row["n_regions"] for row in rows] == [100, 10, 101, 10]
    assert [row["ratio_before"] for row in rows] == pytest.approx([0.8, 0.8, 1.6, 1.6])
    assert [row["ratio_of_ratios"] for row in rows] == pytest.approx([0.5] * 4)
    assert {(row["method_before"], row["method"], row["artifact_uri"]) for row in rows} == {("exact", "pixels", None)}
    assert [row["model_id"] for row in study.ask("region_slices", model_id=2).rows] == [2, 2]


def test_slices_without_boundaries_or_without_before_have_no_ratio(study: Study) -> None:
    nothing = [row | {"density_at_points": 0.0, "density_mean": 0.0} for row in regions()]
    only_after = [row for row in regions() if row["moment"] == "after"]
    study.add({"regions": nothing}, {"regions": only_after, "seed": 1})

    first, _, second, _ = study.ask("region_slices").rows

    assert (first["ratio_before"], first["ratio"], first["ratio_of_ratios"]) == (None, None, None)
    assert (second["n_regions_before"], second["ratio_of_ratios"]) == (None, None)
    assert second["ratio"] == pytest.approx(0.4)


def test_the_trajectories_figure_has_a_line_a_kind_and_says_what_it_is_of(study: Study) -> None:
    study.add(*({"seed": seed, "trajectories": trajectories(2, seed)} for seed in (0, 1)), {"label_noise": 1.0})

    figure = plot(study.url, study.cache, "trajectories").figure

    above, below = figure.axes
    assert (above.get_ylabel(), below.get_ylabel(), below.get_xlabel()) == (
        "Jacobian norm",
        "transitions a bin",
        "angle",
    )
    assert above.get_yscale() == "log"
    (different,) = [line for line in above.lines if line.get_label() == "three classes"]
    assert len(different.get_xdata()) == 63
    assert np.asarray(different.get_ydata())[31] == pytest.approx(10**-3.5)
    assert caption(figure) == (
        "digits: 2 models, 4 ellipses of a kind at most. Lines: mean over models (of the norm, geometric); bands: 90 %"
        " of them. At the dotted angles an ellipse, if not random, passes its three training points. Left out: 1 random"
        " labels."
    )


def test_each_data_set_has_a_row(study: Study) -> None:
    study.add({"trajectories": trajectories()}, {"trajectories": trajectories(), "dataset": "mnist"})

    figure = plot(study.url, study.cache, "trajectories").figure

    assert [axes.get_title(loc="left") for axes in figure.axes] == ["digits", "", "mnist", ""]


def test_no_trajectories_is_an_empty_figure_that_says_so(study: Study, tmp_path: Path) -> None:
    figure = trajectories_figure(study.ask("trajectory_profile").frame, {"not fitted": 2})

    assert caption(figure).endswith("Left out: 2 not fitted.")
    assert [text.get_text() for text in figure.axes[0].texts] == ["no trajectories"]
    save_figure(figure, tmp_path / "empty.png")


def test_the_regions_figure_draws_the_file_of_the_first_model(study: Study, tmp_path: Path) -> None:
    add_with_file(study, tmp_path / "files")
    add_with_file(study, tmp_path / "files", seed=1, pixels=True)

    made = plot(study.url, study.cache, "regions", artifacts_url=str(tmp_path / "files"))

    assert caption(made.figure) == (
        "Model 1 on digits: where activation codes change on the plane through three training points (dots), in units"
        " of standardised input. Pixels: at least so many regions. Near / all: boundary length an area within the"
        " circles over that of the window. Nothing is left out."
    )
    n_segments = [
        len(collection.get_segments())
        for axes in made.figure.axes
        for collection in axes.collections
        if isinstance(collection, LineCollection)
    ]
    assert n_segments == [1, 1, 2, 2]  # the last hidden layer's before and after, then all
    assert [axes.get_title(loc="left") for axes in made.figure.axes] == [
        "10 regions\nnear / all 0.80",
        "10 regions\nnear / all 0.40",
        "100 regions\nnear / all 0.80",
        "100 regions\nnear / all 0.40",
    ]
    assert save_figure(made.figure, tmp_path / "regions.pdf").stat().st_size > 5_000


def test_the_regions_figure_draws_pixels_of_the_model_asked_for(study: Study, tmp_path: Path) -> None:
    add_with_file(study, tmp_path / "files")
    second = add_with_file(study, tmp_path / "files", seed=1, pixels=True)

    made = plot(study.url, study.cache, "regions", {"model_id": second}, artifacts_url=str(tmp_path / "files"))

    assert caption(made.figure).startswith("Model 2 on digits")
    _, after_last, _, after_all = made.figure.axes
    assert [int(axes.images[0].get_array().sum()) for axes in (after_last, after_all)] == [0, 8]
    assert after_all.images[0].origin == "lower"


def test_a_network_that_nobody_saw_before_training_has_one_column(study: Study) -> None:
    study.add({"regions": [row for row in regions() if row["moment"] == "after"]})
    after = {name: array for name, array in pictures().items() if not name.startswith("before")}

    figure = regions_figure(study.ask("region_slices").frame, pictures=after)

    assert [axes.get_xlabel() for axes in figure.axes] == ["", "after training"]


def test_a_file_that_cannot_be_drawn_is_named(study: Study, tmp_path: Path) -> None:
    add_with_file(study, tmp_path / "files")
    (file,) = (tmp_path / "files").rglob("*.npz")
    file.write_bytes(b"altered")

    with pytest.raises(ArtifactError, match="is altered: sha256"):
        plot(study.url, study.cache, "regions", artifacts_url=str(tmp_path / "files"))

    file.unlink()
    with pytest.raises(ArtifactError, match="is missing in"):
        plot(study.url, study.cache, "regions", artifacts_url=str(tmp_path / "files"))
    with pytest.raises(QueryError) as caught:
        plot(study.url, study.cache, "regions")
    assert caught.value.hint == "SENSDB_ARTIFACTS names it."


def test_a_model_without_a_file_points_to_others(study: Study) -> None:
    study.add({"regions": regions()})

    with pytest.raises(QueryError) as caught:
        plot(study.url, study.cache, "regions", artifacts_url="files")

    assert caught.value.message == "model 1 has no file of what was seen on its plane."
    assert caught.value.hint == "-p model_id=N draws another model."
