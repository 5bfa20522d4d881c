"""Which plane a data set is cut along, what a network was before its training, and the rows of region_slices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sensdb.datasets.catalogue import dataset_info
from sensdb.datasets.prepare import load_dataset
from sensdb.definitions.spec import TrainingSpec, make_spec
from sensdb.measurement.pixels import Pixels, slice_pixels
from sensdb.measurement.planes import plane_through
from sensdb.measurement.regions import Regions, slice_regions
from sensdb.measurement.slices import chosen_plane, initial_network, measure_slices, slice_arrays, slice_network
from sensdb.results.pictures import moments, pictures_bytes, read_pictures
from sensdb.training.trainer import Trainer, TrainingData
from tests.measurement.networks import as_dtype, random_network, random_points

LABELS = torch.tensor([1, 1, 0, 2, 0, 2])


def spec(**fields: object) -> TrainingSpec:
    mapping = {"dataset": "digits", "hidden_layers": 2, "width": 8, "learning_rate": 0.1, "batch_size": 10, **fields}
    return make_spec(mapping, dataset_info)


def test_the_plane_passes_the_first_three_points_of_three_classes():
    x = random_points(6, 12)

    plane, expected = chosen_plane(x, LABELS, 6, "tiny"), plane_through(x[[0, 2, 3]])

    assert plane is not None
    assert expected is not None
    assert torch.equal(plane.maps, expected.maps)
    assert plane.half == expected.half


def test_there_is_no_plane_for_a_model_that_was_not_trained_on_its_points():
    assert chosen_plane(random_points(6, 12), LABELS, 3, "tiny") is None
    assert chosen_plane(random_points(6, 12), LABELS, 4, "tiny") is not None


def test_two_classes_are_cut_through_the_first_three_points():
    x, labels = random_points(6, 12), torch.tensor([0, 0, 1, 1, 0, 1])

    plane, expected = chosen_plane(x, labels, 6, "two"), plane_through(x[:3])

    assert plane is not None
    assert expected is not None
    assert torch.equal(plane.maps, expected.maps)
    assert chosen_plane(x[:2], labels[:2], 6, "two") is None


@pytest.mark.parametrize(("dtype", "biases"), [("float32", False), ("float64", True)])
def test_the_network_before_training_is_the_one_that_training_starts_from(dtype: str, biases: bool):
    started = spec(seed=7, weight_scale=3.0, biases=biases, dtype=dtype, max_steps=1, n_train=50, learning_rate=1e-30)
    trainer = Trainer(started, 1, TrainingData.build(load_dataset("digits"), None, dtype, "cpu"))
    trainer.put(0, started)
    while not trainer.run():
        pass
    trained = trainer.take(0).network

    initial = initial_network(trained, 7, 3.0)

    assert initial.nonlinearity == trained.nonlinearity
    for before, after in zip(initial.weights, trained.weights, strict=True):
        assert torch.equal(before, after)  # a step of 1e-30 is below any weight's rounding
    assert (initial.biases is None) == (not biases)
    assert all(not bias.any() for bias in initial.biases or [])


def test_rows_are_before_and_after_at_both_scopes():
    network, plane = random_network((12, 8, 7, 3), dtype=torch.float32), plane_through(random_points(3, 12))
    assert plane is not None

    slices = measure_slices(network, plane, spec(seed=3))

    rows = [row for one in slices for row in one.rows()]
    assert [(row["slice"], row["moment"], row["scope"], row["method"]) for row in rows] == [
        (0, "before", "last_hidden", "exact"),
        (0, "before", "all", "exact"),
        (0, "after", "last_hidden", "exact"),
        (0, "after", "all", "exact"),
    ]
    expected = slice_regions(network, plane)
    assert expected is not None
    assert [row["n_regions"] for row in rows[2:]] == [expected.count("last_hidden"), expected.count("all")]
    assert rows[0]["density_mean"] != rows[2]["density_mean"]
    for row in rows:
        assert isinstance(row["density_mean"], float)
        assert isinstance(row["density_at_points"], float)
        assert row["density_mean"] > 0


def test_of_a_network_trained_elsewhere_nobody_knows_what_it_was_before():
    plane = plane_through(random_points(3, 12))
    assert plane is not None

    (only,) = measure_slices(random_network((12, 8, 3)), plane, None)

    assert only.moment == "after"


def test_too_many_regions_and_tanh_are_seen_by_pixels(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sensdb.measurement.slices.slice_pixels", lambda *of: slice_pixels(*of, side=16))
    monkeypatch.setattr("sensdb.measurement.slices.slice_regions", lambda *of: slice_regions(*of, limit=30))
    plane = plane_through(random_points(3, 12))
    assert plane is not None
    few, many, smooth = random_network((12, 4, 3)), random_network((12, 20, 20, 3)), random_network((12, 4, 3), "tanh")

    slices = [slice_network(network, plane, "after") for network in (few, many, smooth)]

    assert [type(one.picture) for one in slices] == [Regions, Pixels, Pixels]
    assert [one.rows()[1]["method"] for one in slices] == ["exact", "pixels", "pixels"]
    assert all(row["density_mean"] > 0 for one in slices for row in one.rows())


def test_exact_and_pixel_rows_of_one_network_agree(monkeypatch: pytest.MonkeyPatch):
    network, plane = as_dtype(random_network((12, 10, 10, 3)), torch.float32), plane_through(random_points(3, 12))
    assert plane is not None
    exact = slice_network(network, plane, "after").rows()
    monkeypatch.setattr("sensdb.measurement.slices.slice_regions", lambda *_: None)
    monkeypatch.setattr("sensdb.measurement.slices.slice_pixels", lambda *of: slice_pixels(*of, side=256))

    pixels = slice_network(network, plane, "after").rows()

    for one, other in zip(exact, pixels, strict=True):
        assert other["n_regions"] == pytest.approx(one["n_regions"], rel=0.1)
        assert other["density_mean"] == pytest.approx(one["density_mean"], rel=0.1)


def test_a_file_of_pictures_holds_what_was_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sensdb.measurement.slices.slice_pixels", lambda *of: slice_pixels(*of, side=16))
    plane = plane_through(random_points(3, 12))
    assert plane is not None
    exact = slice_network(random_network((12, 9, 8, 3)), plane, "before")
    pixels = slice_network(random_network((12, 9, 8, 3), "tanh"), plane, "after")
    assert isinstance(exact.picture, Regions)
    assert isinstance(pixels.picture, Pixels)

    read = read_pictures(pictures_bytes(slice_arrays([exact, pixels])), "x")

    assert moments(read) == ["before", "after"]
    assert torch.equal(torch.from_numpy(read["e2"]), plane.e2)
    assert float(read["half"]) == plane.half
    assert read["before_n_hidden"] == read["after_n_hidden"] == 2
    np.testing.assert_allclose(read["before_segments"], exact.picture.segments, atol=1e-5)
    np.testing.assert_array_equal(read["before_layers"], exact.picture.layers)
    assert int(read["before_sizes"].sum()) == len(read["before_corners"])
    for scope in ("all", "last_hidden"):
        np.testing.assert_array_equal(read[f"after_changes_{scope}"], pixels.picture.changes[scope])
