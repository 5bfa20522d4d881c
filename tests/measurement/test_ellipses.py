"""Code changes along ellipses against planted truths, dense samples, polygons and hypothesis."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sensdb.errors import ShapeError
from sensdb.measurement.ellipses import ANCHORS, TURN, Ellipse, count_ellipse, ellipse_through, sample_ellipse
from sensdb.measurement.transitions import count_exact
from sensdb.training.network import StackedNetwork
from tests.measurement.networks import PIECEWISE_LINEAR, as_dtype, planted_network, random_network, random_points


def around_origin(size: int, seed: int = 1) -> Ellipse:
    """The random ellipse: axes from N(0, I), centre 0."""
    u, v = random_points(2, size, seed=seed)
    return Ellipse(torch.zeros_like(u), u, v)


def vector(*entries: float) -> Tensor:
    return torch.tensor(entries, dtype=torch.float64)


def circle(centre: float = 0.0) -> Ellipse:
    """(centre + cos t, sin t)."""
    return Ellipse(vector(centre, 0.0), vector(1.0, 0.0), vector(0.0, 1.0))


def test_an_ellipse_passes_its_three_points_at_the_anchors():
    points = random_points(3, 7)

    at = ellipse_through(points).at(torch.tensor(ANCHORS, dtype=torch.float64))

    torch.testing.assert_close(at, points, rtol=0, atol=1e-14)


def test_half_way_between_two_points_the_third_has_weight_minus_a_third():
    points = random_points(3, 7)

    (at,) = ellipse_through(points).at(vector(2 * math.pi / 3))

    torch.testing.assert_close(at, (2 * points[0] + 2 * points[1] - points[2]) / 3)


@pytest.mark.parametrize("nonlinearity", PIECEWISE_LINEAR)
def test_one_unit_crosses_its_kinks_where_the_arccosine_says(nonlinearity: str):
    # z = 10 cos t: each kink is crossed at +- arccos(kink / 10).
    network = planted_network([[[10.0, 0.0]], [[1.0], [-1.0]]], nonlinearity=nonlinearity)
    kinks = {"relu": [0.0], "relu6": [0.0, 6.0], "hard_tanh": [-1.0, 1.0], "hard_sigmoid": [-0.5, 0.5]}[nonlinearity]
    places = [sign * math.acos(kink / 10) % TURN for kink in kinks for sign in (1, -1)]

    counts = count_ellipse(network, circle(), 1000)

    expected, _ = np.histogram(places, bins=1000, range=(0, TURN))
    assert counts.tolist() == expected.tolist()


@pytest.mark.parametrize(("centre", "crossings"), [(0.5, 2), (1.5, 0), (-1.5, 0), (1.0, 0), (-1.0, 0)])
def test_a_unit_that_is_missed_or_touched_is_not_crossed(centre: float, crossings: int):
    network = planted_network([[[1.0, 0.0]], [[1.0], [-1.0]]])

    assert count_ellipse(network, circle(centre), 5).sum() == crossings


def test_a_unit_that_crosses_twice_within_a_piece_is_found():
    # relu(sin t) > 0.99 for a moment within the one piece where sin t > 0: both ends of it have code 0.
    network = planted_network([[[0.0, 1.0]], [[1.0]], [[1.0], [-1.0]]], [[0.0], [-0.99], [0.0, 0.0]])

    counts = count_ellipse(network, circle(), 3)

    assert counts.tolist() == [3, 1, 0]  # at 0, where the turn closes, before and after pi / 2; and at pi


@pytest.mark.parametrize("seed", range(5))
def test_every_bias_free_unit_of_the_first_layer_crosses_twice_on_a_random_ellipse(seed: int):
    network = random_network((30, 41, 3), seed=seed)

    assert count_ellipse(network, around_origin(30, seed + 50), 8).sum() == 2 * 41


@pytest.mark.parametrize("seed", range(5))
def test_bias_free_relu_counts_as_the_polygon_through_both_axes(seed: int):
    # Codes depend on the direction alone, and the polygon u, v, -u, -v meets the same directions.
    network = random_network((9, 30, 30, 30, 3), seed=seed)
    ellipse = around_origin(9, seed + 50)
    u, v = ellipse.cosine, ellipse.sine

    (by_polygon,) = count_exact(network, torch.stack([u, v, -u, -v]).unsqueeze(0)).tolist()

    assert count_ellipse(network, ellipse, 1).item() == by_polygon


@pytest.mark.parametrize("nonlinearity", PIECEWISE_LINEAR)
@pytest.mark.parametrize("biases", [False, True])
def test_counts_agree_with_dense_samples_bin_by_bin(nonlinearity: str, biases: bool):
    network = random_network((9, 15, 12, 14, 3), nonlinearity, biases=biases, seed=3)
    ellipse = ellipse_through(3 * random_points(3, 9))

    counts = count_ellipse(network, ellipse, 7)

    assert counts.sum() > 50
    assert counts.tolist() == sample_ellipse(network, ellipse, 7, 2**13).tolist()


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    nonlinearity=st.sampled_from(PIECEWISE_LINEAR),
    biases=st.booleans(),
    widths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    bins=st.integers(1, 9),
)
def test_counts_are_even_add_over_bins_and_no_sample_finds_more(seed, nonlinearity, biases, widths, bins):
    network = random_network((4, *widths, 2), nonlinearity, biases=biases, seed=seed)
    ellipse = ellipse_through(2 * random_points(3, 4, seed=seed))

    total = count_ellipse(network, ellipse, 1).item()

    assert total % 2 == 0
    assert count_ellipse(network, ellipse, bins, cap=1).sum() == total
    sampled = sample_ellipse(network, ellipse, 1, 500).item()
    assert sampled % 2 == 0
    assert sampled <= total


def test_the_cut_into_parts_changes_no_count():
    network = random_network((9, 20, 25, 15, 3), "hard_tanh", biases=True)
    ellipse = ellipse_through(random_points(3, 9))

    whole = count_ellipse(network, ellipse, 11)

    for cap in (1, 300, 5000):
        assert torch.equal(count_ellipse(network, ellipse, 11, cap=cap), whole)


def test_turning_the_start_and_reversing_the_turn_move_counts_and_change_none():
    network = random_network((9, 20, 20, 3), "relu6", biases=True)
    ellipse = ellipse_through(3 * random_points(3, 9))
    quarter_on = Ellipse(ellipse.centre, ellipse.sine, -ellipse.cosine)
    reversed_ = Ellipse(ellipse.centre, ellipse.cosine, -ellipse.sine)

    counts = count_ellipse(network, ellipse, 8)

    assert count_ellipse(network, quarter_on, 8).tolist() == counts.roll(-2).tolist()
    assert count_ellipse(network, reversed_, 8).tolist() == counts.flip(0).tolist()


def test_a_unit_twice_counts_twice_and_permuted_or_rescaled_units_count_as_before():
    network = random_network((9, 12, 10, 3))
    first, second, last = (weight[0] for weight in network.weights)
    ellipse = ellipse_through(random_points(3, 9))
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    scale = torch.linspace(0.1, 7.0, 12, dtype=torch.float64)[:, None]
    doubled = planted_network([first.numpy(), torch.cat([second, second]).numpy(), torch.cat([last, last], 1).numpy()])
    moved = planted_network([(scale * first)[order].numpy(), (second / scale.T)[:, order].numpy(), last.numpy()])

    counts = count_ellipse(network, ellipse, 6)
    of_first = count_ellipse(StackedNetwork(network.weights[:2], None, "relu"), ellipse, 6)

    assert torch.equal(count_ellipse(doubled, ellipse, 6), 2 * counts - of_first)
    assert torch.equal(count_ellipse(moved, ellipse, 6), counts)


def test_dead_units_no_units_and_an_ellipse_that_is_a_point_have_no_transitions():
    inside = Ellipse(vector(5.0, 5.0), vector(1.0, 0.0), vector(0.0, 1.0))
    dead = planted_network([[[-1.0, -1.0]] * 3, [[1.0, -2.0, 1.0]] * 4, [[1.0] * 4]])
    linear = planted_network([[[1.0, 2.0], [3.0, 4.0]]])
    nothing = torch.zeros(9, dtype=torch.float64)
    still = Ellipse(random_points(1, 9)[0], nothing, nothing)

    assert count_ellipse(dead, inside, 3).tolist() == [0, 0, 0]
    assert count_ellipse(linear, inside, 3).tolist() == [0, 0, 0]
    assert count_ellipse(random_network((9, 20, 20, 3), biases=True), still, 3).tolist() == [0, 0, 0]


def test_units_that_wake_together_count_once_each_however_their_roots_round():
    # The second layer sees one unit alone, so all its kinks lie where that one's does, to a rounding.
    network = planted_network([[[0.3, 0.7]], random_points(40, 1).tolist(), [[0.1] * 40]])

    counts = count_ellipse(network, circle(), 1)

    n_positive = int((network.weights[1] > 0).sum())
    assert counts.item() == 2 * (1 + n_positive)


def test_float32_weights_are_taken_as_they_are():
    network = as_dtype(random_network((9, 30, 30, 3), dtype=torch.float64), torch.float32)
    ellipse = ellipse_through(random_points(3, 9, dtype=torch.float32))

    assert torch.equal(count_ellipse(network, ellipse, 7), count_ellipse(as_dtype(network, torch.float64), ellipse, 7))


def test_tanh_is_sampled_by_its_signs():
    network = random_network((9, 30, 3), "tanh")
    as_relu = StackedNetwork(network.weights, None, "relu")
    ellipse = around_origin(9)

    assert torch.equal(sample_ellipse(network, ellipse, 9, 2000), count_ellipse(as_relu, ellipse, 9))


def test_what_cannot_be_counted_is_refused_in_words():
    with pytest.raises(ValueError, match="tanh is not piecewise linear: use sample_ellipse"):
        count_ellipse(random_network((9, 4, 3), "tanh"), around_origin(9), 2)
    with pytest.raises(ShapeError, match="pieces are those of one network, not 2"):
        count_ellipse(random_network((9, 4, 3), n_models=2), around_origin(9), 2)
    with pytest.raises(ShapeError, match="inputs of size 8 for a layer of input size 9"):
        count_ellipse(random_network((9, 4, 3)), around_origin(8), 2)
