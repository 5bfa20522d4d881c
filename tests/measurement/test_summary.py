"""What measuring stores of a model: which points, which summaries, and that no neighbour changes a bit of it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.datasets.prepare import Dataset, load_dataset, training_order
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.metrics import MODEL_METRICS, POINT_METRICS, TRAJECTORY_METRICS
from sensdb.definitions.spec import TrainingSpec, make_spec
from sensdb.errors import ShapeError
from sensdb.measurement import plan as plan_module
from sensdb.measurement import summary as summary_module
from sensdb.measurement.jacobian import point_metrics
from sensdb.measurement.slices import chosen_plane, measure_slices
from sensdb.measurement.summary import MEASURED_METRICS, Measured, MeasurementData, measure_models
from sensdb.measurement.trajectories import measure_trajectories
from sensdb.measurement.transitions import count_exact, shift_vertices
from sensdb.training.network import StackedNetwork
from sensdb.training.random import noisy_labels
from tests.measurement.networks import planted_network, random_network

INFO = DatasetInfo("tiny", 60, 40, 4, 6, 1, 3, "Noise, for tests.")
TRAINING_METRICS = {"stop_reason", "fitted", "steps", "train_accuracy", "generalization_gap", "train_loss"}


def tiny_dataset(info: DatasetInfo = INFO) -> Dataset:
    generator = np.random.Generator(np.random.Philox(7))
    shape = (info.height, info.width, info.channels)
    return Dataset(
        info,
        generator.integers(0, 256, (info.n_train, *shape)).astype(np.uint8),
        generator.integers(0, info.n_classes, info.n_train),
        generator.integers(0, 256, (info.n_test, *shape)).astype(np.uint8),
        generator.integers(0, info.n_classes, info.n_test),
        "0" * 64,
    )


@pytest.fixture(scope="module")
def data() -> MeasurementData:
    return MeasurementData.build(tiny_dataset(), None, "float64", torch.device("cpu"))


def spec(**fields: object) -> TrainingSpec:
    mapping = {"dataset": "digits", "hidden_layers": 1, "width": 8, "learning_rate": 0.1, "batch_size": 10, **fields}
    return make_spec(mapping, lambda _: dataclasses.replace(INFO, name="digits"))


def network(n_models: int = 1, **options: object) -> StackedNetwork:
    return random_network((24, 12, 9, 3), n_models=n_models, **options)


def measure_one(data: MeasurementData, net: StackedNetwork, **settings: object) -> Measured:
    return measure_models(net, data, MeasureSettings(**settings))[0]


def test_measured_columns_are_all_of_model_metrics_that_training_does_not_determine(data: MeasurementData):
    measured = measure_one(data, network())

    names = {metric.name for metric in MODEL_METRICS}
    assert set(measured.metrics) == set(MEASURED_METRICS) == names - TRAINING_METRICS - {"train_seconds"}
    assert all(value is not None for value in measured.metrics.values())
    assert measured.points is not None
    assert list(measured.points) == ["point_index", *(metric.name for metric in POINT_METRICS)]


def test_points_are_standardised_test_points_in_official_order_and_a_prefix_of_the_training_order():
    dataset = tiny_dataset()
    data = MeasurementData.build(dataset, 3, "float32", torch.device("cpu"))
    crop = dataset.x_test[:, 0:3, 1:4].reshape(40, -1).astype(np.float64)
    expected = (crop - crop.mean(axis=1, keepdims=True)) / crop.std(axis=1, keepdims=True)

    assert data.image_shape == (3, 3, 1)
    assert data.x_test.dtype == torch.float32
    np.testing.assert_allclose(data.x_test.numpy(), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(data.y_test.numpy(), dataset.y_test)
    np.testing.assert_array_equal(data.y_train.numpy(), dataset.y_train[training_order(dataset)])
    assert data.x_train.shape == (60, 9)


def test_the_order_of_test_points_is_the_same_for_every_crop_and_dtype(data: MeasurementData):
    other = MeasurementData.build(tiny_dataset(), 3, "float32", torch.device("cpu"))

    np.testing.assert_array_equal(other.order, data.order)
    np.testing.assert_array_equal(np.sort(data.order), np.arange(40))
    assert data.order.tolist() != list(range(40))


def test_the_training_sample_is_at_most_a_thousand_points(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(summary_module, "TRAINING_SAMPLE", 25)

    data = MeasurementData.build(tiny_dataset(), None, "float32", torch.device("cpu"))

    assert data.x_train.shape == (25, 24)
    assert data.y_train.shape == (60,)


def test_summaries_are_over_all_test_points_whatever_is_stored(data: MeasurementData):
    everything = measure_one(data, network())
    some = measure_one(data, network(), points=7)
    none = measure_one(data, network(), points=0)

    expected = point_metrics(network(), data.x_test, data.y_test)
    norms, right = expected.jacobian_norm[0].numpy(), expected.correct[0].numpy()
    assert everything.metrics["jacobian_norm_mean"] == pytest.approx(norms.mean(), rel=1e-12)
    assert everything.metrics["jacobian_norm_median"] == pytest.approx(np.median(norms), rel=1e-12)
    assert everything.metrics["jacobian_norm_q05"] == pytest.approx(np.quantile(norms, 0.05), rel=1e-12)
    assert everything.metrics["jacobian_norm_q95"] == pytest.approx(np.quantile(norms, 0.95), rel=1e-12)
    assert everything.metrics["jacobian_norm_mean_right"] == pytest.approx(norms[right].mean(), rel=1e-12)
    assert everything.metrics["test_accuracy"] == pytest.approx(right.mean())
    assert everything.metrics["test_loss"] == pytest.approx(float(expected.loss.mean()), rel=1e-12)
    for other in (some, none):
        for name in MEASURED_METRICS:
            if name not in ("n_points_stored", "measure_seconds"):
                assert other.metrics[name] == everything.metrics[name], name


def test_stored_rows_are_a_fixed_subset_in_order_of_point_index(data: MeasurementData):
    everything, some, none = (measure_one(data, network(), points=points) for points in ("all", 7, 0))

    assert everything.points is not None
    assert some.points is not None
    assert none.points is None
    assert [m.metrics["n_points_stored"] for m in (everything, some, none)] == [40, 7, 0]
    np.testing.assert_array_equal(everything.points["point_index"], np.arange(40))
    np.testing.assert_array_equal(some.points["point_index"], np.sort(data.order[:7]))
    for name, column in some.points.items():
        np.testing.assert_array_equal(column, everything.points[name][some.points["point_index"]])


def test_transitions_are_counted_at_a_fixed_choice_of_points(data: MeasurementData):
    measured = measure_one(data, network(), transitions_points=10)

    counts = count_exact(network(), shift_vertices(data.images(data.x_test))).numpy()
    chosen = np.sort(data.order[:10])
    assert measured.points is not None
    stored = measured.points["transitions"]
    np.testing.assert_array_equal(stored[chosen], counts[chosen])
    assert set(np.delete(stored, chosen)) == {-1}
    assert measured.metrics["transitions_points"] == 10
    assert measured.metrics["transitions_method"] == "exact"
    assert measured.metrics["transitions_mean"] == pytest.approx(counts[chosen].mean())
    right = measured.points["correct"][chosen]
    assert measured.metrics["transitions_mean_right"] == pytest.approx(counts[chosen][right].mean())
    first_two = count_exact(network(), shift_vertices(data.images(data.x_train[:2]))).numpy()  # a fifth of 10
    assert measured.metrics["transitions_mean_train"] == pytest.approx(first_two.mean())


def test_tanh_is_sampled_and_says_so(data: MeasurementData):
    measured = measure_one(data, network(nonlinearity="tanh"))

    assert measured.metrics["transitions_method"] == "sampled:96"
    assert measured.metrics["transitions_points"] == 40
    assert measured.points is not None
    assert bool((measured.points["transitions"] >= 0).all())


def test_beyond_the_budget_only_means_are_given(data: MeasurementData, monkeypatch: pytest.MonkeyPatch):
    exact = measure_one(data, network())
    monkeypatch.setattr(plan_module, "EXACT_WORK_LIMIT", 1.0)

    measured = measure_one(data, network())

    assert measured.metrics["transitions_method"] == "extrapolated:48"
    assert measured.metrics["transitions_points"] == 40
    assert measured.metrics["transitions_mean"] == pytest.approx(exact.metrics["transitions_mean"], rel=0.02)
    assert measured.metrics["transitions_mean_train"] is not None
    assert measured.metrics["transitions_median"] is None
    assert measured.points is not None
    assert set(measured.points["transitions"]) == {-1}


def test_points_that_are_no_pictures_have_no_transitions():
    info = DatasetInfo("rows", 60, 40, 1, 24, 1, 3, "Rows of numbers, for tests.")
    data = MeasurementData.build(tiny_dataset(info), None, "float64", torch.device("cpu"))

    measured = measure_one(data, network())

    assert measured.metrics["transitions_method"] is None
    assert measured.metrics["transitions_points"] == 0
    assert measured.metrics["transitions_mean"] is None
    assert measured.metrics["jacobian_norm_mean"] is not None


def test_the_training_sample_carries_the_labels_the_model_trained_on(data: MeasurementData):
    noisy = spec(label_noise=1.0, seed=3, n_train=50)
    net = network()

    clean, redrawn = measure_models(
        StackedNetwork([torch.cat([w, w]) for w in net.weights], None, "relu"), data, MeasureSettings(), [spec(), noisy]
    )

    labels = noisy_labels(3, 1.0, data.y_train[:50], 3)
    expected = point_metrics(net, data.x_train[:50], labels)
    assert redrawn.metrics["loss_mean_train"] == pytest.approx(float(expected.loss.mean()), rel=1e-12)
    assert redrawn.metrics["jacobian_norm_mean_train"] == pytest.approx(float(expected.jacobian_norm.mean()), rel=1e-12)
    true = point_metrics(net, data.x_train, data.y_train)
    assert clean.metrics["loss_mean_train"] == pytest.approx(float(true.loss.mean()), rel=1e-12)
    assert clean.metrics["loss_mean"] == redrawn.metrics["loss_mean"]


def test_the_loss_is_that_of_the_spec(data: MeasurementData):
    (measured,) = measure_models(network(), data, MeasureSettings(), [spec(loss="squared")])

    expected = point_metrics(network(), data.x_test, data.y_test, loss="squared")
    assert measured.metrics["test_loss"] == pytest.approx(float(expected.loss.mean()), rel=1e-12)
    assert measured.metrics["input_gradient_norm_mean"] == pytest.approx(float(expected.input_gradient_norm.mean()))


def test_a_model_measures_the_same_bits_in_any_slot_beside_any_neighbours():
    data = MeasurementData.build(tiny_dataset(), None, "float32", torch.device("cpu"))
    stacked = random_network((24, 12, 9, 3), n_models=5, biases=True, dtype=torch.float32)
    assert stacked.biases is not None
    stacked.weights[0][2] = math.nan
    # As a pack holds them: strided views of one buffer, at addresses of all alignments.
    buffer = torch.cat([w.flatten(1) for w in stacked.weights], dim=1)
    sizes = [w.shape[1] * w.shape[2] for w in stacked.weights]
    views = [part.view_as(w) for part, w in zip(buffer.split(sizes, dim=1), stacked.weights, strict=True)]

    together = measure_models(StackedNetwork(views, stacked.biases, "relu"), data, MeasureSettings())

    for model, measured in enumerate(together):
        (alone,) = measure_models(stacked.select(model), data, MeasureSettings())
        assert {**alone.metrics, "measure_seconds": 0} == {**measured.metrics, "measure_seconds": 0}
        assert (alone.points is None) == (measured.points is None) == (model == 2)
        for name, column in (alone.points or {}).items():
            np.testing.assert_array_equal(column, measured.points[name])


def test_a_diverged_model_has_no_metrics_and_no_rows(data: MeasurementData):
    diverged, too_large = network(), random_network((24, 12, 9, 3), dtype=torch.float64)
    diverged.weights[1][0, 3, 2] = math.inf
    too_large.weights[2] *= 1e308

    for broken in (diverged, too_large):
        measured = measure_one(data, broken)
        numbers = {"n_points_stored": 0, "transitions_points": 0}
        assert measured.points is None
        for name, value in measured.metrics.items():
            if name != "measure_seconds":
                assert value == numbers.get(name), name


def test_jacobians_that_are_zero_are_counted_and_left_out_of_log_summaries(data: MeasurementData):
    # One unit that only some of the points make active.
    first = np.zeros((1, 24))
    first[0, 0] = 1.0
    net = planted_network([first, [[1.0], [0.0], [-1.0]]])
    active = (data.x_test[:, 0] > 0).numpy()

    measured = measure_one(data, net)

    assert measured.points is not None
    norms, logs = measured.points["jacobian_norm"], measured.points["log10_jacobian_norm"]
    assert measured.metrics["n_zero_jacobian"] == int((~active).sum()) > 0
    np.testing.assert_array_equal(np.isnan(logs), ~active)
    np.testing.assert_array_equal(norms == 0, ~active)
    assert measured.metrics["jacobian_norm_mean"] == pytest.approx(norms.mean())
    assert measured.metrics["log10_jacobian_norm_mean"] == pytest.approx(logs[active].mean())
    assert measured.metrics["boundary_distance_mean"] is not None


def test_a_model_that_is_never_right_has_no_mean_over_right_points(data: MeasurementData):
    always_wrong = dataclasses.replace(data, y_test=(network().forward(data.x_test)[0].argmax(-1) + 1) % 3)

    measured = measure_one(always_wrong, network())

    assert measured.metrics["test_accuracy"] == 0.0
    assert measured.metrics["jacobian_norm_mean_right"] is None
    assert measured.metrics["transitions_mean_right"] is None
    assert measured.metrics["jacobian_norm_mean"] is not None


def test_spectral_norms_are_none_when_not_asked_for(data: MeasurementData):
    measured = measure_one(data, network(), spectral=False)

    assert measured.metrics["jacobian_spectral_norm_mean"] is None
    assert measured.metrics["logit_jacobian_spectral_norm_q95"] is None
    assert measured.metrics["log10_weight_spectral_norm_product"] is not None


def test_networks_of_another_size_are_refused(data: MeasurementData):
    with pytest.raises(ShapeError, match="networks of 2 outputs for tiny, which has 3 classes"):
        measure_one(data, random_network((24, 5, 2)))
    with pytest.raises(ShapeError, match="inputs of size 24 for networks of input size 25"):
        measure_one(data, random_network((25, 5, 3)))


def test_real_digits_are_measured_in_float32():
    data = MeasurementData.build(load_dataset("digits"), None, "float32", torch.device("cpu"))
    net = random_network((64, 16, 16, 10), dtype=torch.float32)

    measured = measure_one(data, net, transitions_points=50)

    assert measured.points is not None
    assert len(measured.points["point_index"]) == 597
    assert measured.metrics["transitions_points"] == 50
    assert 0.0 < measured.metrics["jacobian_norm_mean"] < measured.metrics["logit_jacobian_norm_mean"] / 2


def test_trajectories_and_slices_are_measured_where_they_are_asked_for(data: MeasurementData):
    net = network()

    (measured,) = measure_models(net, data, MeasureSettings(trajectories=2, regions=True), [spec(seed=5)])

    assert measured.trajectories is not None
    assert list(measured.trajectories) == ["trajectory", "position", *(metric.name for metric in TRAJECTORY_METRICS)]
    expected = measure_trajectories(net, data.x_train, data.y_train, 2, 60, "tiny")
    assert expected is not None
    for name, column in measured.trajectories.items():
        np.testing.assert_array_equal(column, expected[name])
    plane = chosen_plane(data.x_train, data.y_train, 60, "tiny")
    assert plane is not None
    assert measured.slices is not None
    rows = [one.rows() for one in measured.slices]
    assert rows == [one.rows() for one in measure_slices(net, plane, spec(seed=5))]
    assert [one.moment for one in measured.slices] == ["before", "after"]


def test_trajectories_and_slices_are_left_out_where_they_are_not(data: MeasurementData):
    measured = measure_one(data, network())

    assert measured.trajectories is None
    assert measured.slices is None


def test_a_model_of_few_training_points_has_only_what_passes_through_them(data: MeasurementData):
    few = spec(n_train=2, batch_size=2)

    (measured,) = measure_models(network(), data, MeasureSettings(trajectories=2, regions=True), [few])

    assert measured.trajectories is not None
    assert set(measured.trajectories["kind"]) == {"random"}
    assert measured.slices is None


def test_a_diverged_model_has_neither_trajectories_nor_slices(data: MeasurementData):
    diverged = network()
    diverged.weights[1][0, 3, 2] = math.inf

    measured = measure_one(data, diverged, trajectories=1, regions=True)

    assert measured.trajectories is None
    assert measured.slices is None


def test_other_numbers_do_not_depend_on_trajectories_and_slices(data: MeasurementData):
    plain, more = measure_one(data, network()), measure_one(data, network(), trajectories=1, regions=True)

    assert {**plain.metrics, "measure_seconds": 0} == {**more.metrics, "measure_seconds": 0}
    assert more.slices is not None
    assert [one.moment for one in more.slices] == ["after"]  # no spec: nobody knows what it was before
