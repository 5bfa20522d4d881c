"""Which ellipses are measured, and what a row of trajectory_metrics says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sensdb.definitions.metrics import TRAJECTORY_KINDS, TRAJECTORY_METRICS
from sensdb.measurement.ellipses import ANCHORS, count_ellipse, ellipse_through, sample_ellipse
from sensdb.measurement.trajectories import BINS, chosen_ellipses, measure_trajectories, random_ellipse
from sensdb.measurement.triples import class_triples
from sensdb.training.network import StackedNetwork
from tests.measurement.networks import explicit_softmax_jacobian, random_network, random_points

LABELS = torch.tensor([2, 0, 1, 1, 2, 0, 0, 2, 1, 0, 1, 2] * 3)
ANCHOR_POSITIONS = [10, 31, 52]
PINNED = [0.8101916772831305, -1.5669646292395014, -1.3424660584202428, 0.8045818452359175]


def points(dtype: torch.dtype = torch.float64) -> Tensor:
    return random_points(len(LABELS), 12, dtype=dtype)


def measure(network: StackedNetwork, n_each: int = 2, n_trained: int = 1000, x: Tensor | None = None):
    rows = measure_trajectories(network, points() if x is None else x, LABELS, n_each, n_trained, "tiny")
    assert rows is not None
    return rows


def test_triples_of_three_classes_take_the_earliest_points_that_fit():
    assert class_triples([0, 0, 1, 2, 1, 0, 2], 2, same_class=False, name="tiny") == [(0, 2, 3), (4, 5, 6)]


def test_triples_of_one_class_are_there_as_soon_as_their_third_point_is():
    labels = [0, 1, 0, 1, 1, 0, 2, 2]

    assert class_triples(labels, 2, same_class=True, name="tiny") == [(1, 3, 4), (0, 2, 5)]


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=40), n_triples=st.integers(0, 30), same_class=st.booleans()
)
def test_triples_hold_three_points_never_run_out_and_more_of_them_begin_alike(labels, n_triples, same_class):
    triples = class_triples(labels, n_triples, same_class=same_class, name="tiny")

    counts = np.bincount(labels)
    there_are = counts.max() >= 3 if same_class else (counts > 0).sum() >= 3
    assert len(triples) == (n_triples if there_are else 0)
    for triple in triples:
        assert len(set(triple)) == 3
        assert len({labels[place] for place in triple}) == (1 if same_class else 3)
    more = class_triples(labels, n_triples + 5, same_class=same_class, name="tiny")
    assert more[:n_triples] == triples


def test_a_random_ellipse_is_the_same_for_all_and_has_normal_axes():
    first, again, other = random_ellipse(0, 3000), random_ellipse(0, 3000), random_ellipse(1, 3000)

    assert torch.equal(first.cosine, again.cosine)
    assert torch.equal(first.sine, again.sine)
    assert not torch.equal(first.cosine, other.cosine)
    assert not first.centre.any()
    for axis in (first.cosine, first.sine, other.cosine):
        assert abs(float(axis.mean())) < 0.06
        assert float(axis.std()) == pytest.approx(1.0, abs=0.05)
    assert abs(float(first.cosine @ first.sine)) / 3000 < 0.06


def test_random_draws_are_pinned():
    # A later version that draws others would give old numbers a new meaning.
    ellipse = random_ellipse(1, 2)

    np.testing.assert_allclose(
        torch.cat([ellipse.cosine, ellipse.sine]).numpy(),
        PINNED,
        rtol=1e-13,
    )


def test_a_number_means_the_same_ellipse_however_many_are_asked_for():
    few = dict(chosen_ellipses(points(), LABELS, 2, 1000, "tiny"))
    many = dict(chosen_ellipses(points(), LABELS, 5, 1000, "tiny"))

    assert sorted(few) == list(range(6))
    assert sorted(many) == list(range(15))
    for number, ellipse in few.items():
        assert torch.equal(ellipse.at(torch.tensor(ANCHORS)), many[number].at(torch.tensor(ANCHORS)))


def test_ellipses_go_only_through_points_the_model_was_trained_on():
    # (0, 1, 2) is the first triple of three classes; the first of one class is not complete before point 6.
    ellipses = dict(chosen_ellipses(points(), LABELS, 1, 6, "tiny"))

    assert sorted(ellipses) == [0, 1]
    torch.testing.assert_close(ellipses[1].at(torch.tensor(ANCHORS, dtype=torch.float64)), points()[:3])


def test_data_sets_of_two_classes_have_no_ellipse_through_three():
    labels = torch.tensor([0, 1] * 6)

    assert sorted(dict(chosen_ellipses(points()[:12], labels, 1, 12, "two"))) == [0, 2]


def test_rows_are_bins_of_every_trajectory_in_order():
    rows = measure(random_network((12, 9, 8, 3)))

    assert list(rows) == ["trajectory", "position", *(metric.name for metric in TRAJECTORY_METRICS)]
    assert {len(column) for column in rows.values()} == {6 * BINS}
    np.testing.assert_array_equal(rows["trajectory"], np.repeat(np.arange(6), BINS))
    np.testing.assert_array_equal(rows["position"], np.tile(np.arange(BINS), 6))
    assert [rows["kind"][number * BINS] for number in range(6)] == list(TRAJECTORY_KINDS) * 2
    np.testing.assert_allclose(rows["angle"][:BINS], (np.arange(BINS) + 0.5) * 2 * math.pi / BINS)
    np.testing.assert_allclose(rows["angle"][ANCHOR_POSITIONS], ANCHORS)


def test_norms_at_the_anchors_are_those_at_the_training_points():
    network, x = random_network((12, 9, 8, 3), biases=True), points()

    rows = measure(network, 1)

    at_points = torch.linalg.matrix_norm(explicit_softmax_jacobian(network, x[:3]))[0]
    through_three = rows["trajectory"] == 1
    np.testing.assert_allclose(rows["jacobian_norm"][through_three][ANCHOR_POSITIONS], at_points, rtol=1e-10)
    np.testing.assert_allclose(
        rows["log10_jacobian_norm"][through_three][ANCHOR_POSITIONS], at_points.log10(), atol=1e-10
    )


def test_transitions_are_those_of_the_bins_and_two_a_unit_in_one_bias_free_layer_on_a_random_ellipse():
    network, x = random_network((12, 9, 3)), points()

    rows = measure(network, 1)

    transitions = rows["transitions"].reshape(3, BINS)
    assert transitions[0].sum() == 2 * 9
    np.testing.assert_array_equal(transitions[1], count_ellipse(network, ellipse_through(x[:3]), BINS))
    triple = class_triples(LABELS.tolist(), 1, same_class=True, name="tiny")[0]
    np.testing.assert_array_equal(transitions[2], count_ellipse(network, ellipse_through(x[list(triple)]), BINS))


def test_tanh_is_sampled_and_other_numbers_are_as_for_all():
    network = random_network((12, 9, 8, 3), "tanh")

    rows = measure(network, 1)

    assert rows["transitions"][:BINS].tolist() == sample_ellipse(network, random_ellipse(0, 12), BINS, 64).tolist()
    assert rows["transitions"].sum() > 0
    assert bool((rows["jacobian_norm"] > 0).all())


def test_a_jacobian_of_zero_has_no_logarithm():
    dead = StackedNetwork(
        [-torch.ones(1, 4, 12), torch.ones(1, 3, 4)], [-torch.full((1, 4), 1e9), torch.zeros(1, 3)], "relu"
    )

    rows = measure(dead, 1, x=points(torch.float32))

    assert set(rows["jacobian_norm"]) == {0.0}
    assert bool(np.isnan(rows["log10_jacobian_norm"]).all())
    assert set(rows["transitions"]) == {0}


def test_float32_networks_measure_what_float64_ones_do():
    network = random_network((12, 9, 8, 3))
    single = StackedNetwork([weight.float() for weight in network.weights], None, "relu")

    rows, of_single = measure(network), measure(single, x=points(torch.float32))

    np.testing.assert_allclose(of_single["log10_jacobian_norm"], rows["log10_jacobian_norm"], atol=1e-4)
    # A crossing within a rounding of a bin's edge may be counted on its other side.
    assert np.abs(of_single["transitions"] - rows["transitions"]).sum() <= 2
