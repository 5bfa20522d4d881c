"""Transitions against planted truths, dense sampling and an independent count by coefficients."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sensdb.errors import ShapeError
from sensdb.measurement.transitions import (
    count_exact,
    count_extrapolated,
    count_sampled,
    exact_work,
    extrapolate,
    sampled_by_layer,
    shift_vertices,
)
from sensdb.training.network import StackedNetwork
from tests.measurement.networks import (
    PIECEWISE_LINEAR,
    as_dtype,
    count_by_coefficients,
    planted_network,
    random_network,
    random_points,
)


def line(*values: float) -> Tensor:
    """One closed path on the real line, [1, S, 1]."""
    return torch.tensor(values, dtype=torch.float64).view(1, -1, 1)


def images(n_points: int, height: int = 4, width: int = 6, channels: int = 1, seed: int = 0) -> Tensor:
    return random_points(n_points, height * width * channels, seed=seed).view(n_points, height, width, channels)


def test_vertices_are_the_wrapped_horizontal_shifts_of_all_channels_together():
    image = images(2, 3, 5, 2)

    vertices = shift_vertices(image)

    assert vertices.shape == (2, 5, 30)
    for shift in range(5):
        assert torch.equal(vertices[:, shift].view(2, 3, 5, 2), image.roll(-shift, dims=2))


@pytest.mark.parametrize(
    ("kind", "ends", "crossings"),
    [
        ("relu", (-1.0, 2.0), 2),
        ("relu", (1.0, 2.0), 0),
        ("relu", (-1.0, -2.0), 0),
        ("relu6", (-1.0, 7.0), 4),
        ("hard_tanh", (-3.0, 2.0), 4),
        ("hard_sigmoid", (-0.6, 0.6), 4),
        ("hard_sigmoid", (-0.6, 0.4), 2),
    ],
)
def test_one_unit_crosses_each_kink_there_and_back(kind, ends, crossings):
    network = planted_network([[[1.0]], [[1.0], [-1.0]]], nonlinearity=kind)

    assert count_exact(network, line(*ends)).tolist() == [crossings]


def test_a_sampled_jump_over_both_kinks_counts_both():
    # Code 0 to 2 and back, with nothing in between: the L1 norm of the codes' difference (paper.md 1.4).
    network = planted_network([[[1.0]], [[1.0], [-1.0]]], nonlinearity="relu6")

    assert count_sampled(network, line(-1.0, 7.0), 1).tolist() == [4]


def test_a_sampled_there_and_back_between_two_places_is_lost():
    network = planted_network([[[1.0]], [[1.0], [-1.0]]])
    path = line(1.0, -1.0, 2.0, 3.0)

    assert count_exact(network, path).tolist() == [2]
    assert count_sampled(network, path[:, ::2], 1).tolist() == [0]


@pytest.mark.parametrize("layers", [1, 2, 3, 6, 10])
def test_the_tent_doubles_its_crossings_with_every_layer(layers):
    # y -> 2 relu(y + 1) - 4 relu(y - 1/2) - 2 folds [0, 1] onto itself; only the unit at 1/2 crosses its kink, in layer
    # l in 2^(l-1) places each way.
    into, out = [[1.0], [1.0]], [2.0, -4.0]
    weights = [into, *[[out, out]] * (layers - 1), [out, [0.0, 0.0]]]
    biases = [[1.0, -0.5], *[[-1.0, -2.5]] * (layers - 1), [-2.0, 0.0]]

    counts = count_exact(planted_network(weights, biases), line(0.0, 1.0))

    assert counts.tolist() == [2 * (2**layers - 1)]


def test_absolute_value_and_a_threshold_on_it():
    # abs(s) = relu(s) + relu(-s), then relu(abs(s) - 1/2): 2 units cross at 0, the third at -1/2 and 1/2, twice each.
    network = planted_network([[[1.0], [-1.0]], [[1.0, 1.0]], [[1.0], [-1.0]]], [[0.0, 0.0], [-0.5], [0.0, 0.0]])

    assert count_exact(network, line(-1.0, 1.0)).tolist() == [8]


def test_two_slopes_of_a_bias_free_relu_path_around_the_origin_cross_twice_a_unit():
    # The polygon u, v, -u, -v surrounds the origin; each line through it is met twice.
    u, v = random_points(2, 9)
    network = random_network((9, 25, 3))

    assert count_exact(network, torch.stack([u, v, -u, -v]).unsqueeze(0)).tolist() == [50]


def test_dead_units_constant_images_and_rows_of_one_value_have_no_transitions():
    random = random_network((24, 10, 10, 3), biases=True)
    dead = planted_network([-torch.rand(10, 24).numpy(), torch.randn(10, 10).numpy(), torch.randn(3, 10).numpy()])
    constant = torch.full((1, 4, 6, 1), 0.7, dtype=torch.float64)
    stripes = images(1, 4, 1).expand(1, 4, 6, 1)

    assert count_exact(random, shift_vertices(constant)).tolist() == [0]
    assert count_exact(random, shift_vertices(stripes)).tolist() == [0]
    assert count_exact(dead, shift_vertices(images(3).abs())).tolist() == [0, 0, 0]


def test_without_hidden_layers_there_are_no_transitions():
    network = random_network((24, 3))

    assert count_exact(network, shift_vertices(images(4))).tolist() == [0] * 4
    assert count_sampled(network, shift_vertices(images(4)), 2).tolist() == [0] * 4


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("nonlinearity", PIECEWISE_LINEAR)
@pytest.mark.parametrize("hidden", [(20,), (9, 14, 6), (6, 7, 5, 8, 6, 7), (1, 1)])
def test_exact_counts_equal_an_independent_count_by_coefficients(hidden, nonlinearity, biases):
    network = random_network((24, *hidden, 3), nonlinearity, biases=biases, scale=1.5)
    vertices = shift_vertices(images(3))

    assert count_exact(network, vertices).tolist() == count_by_coefficients(network, vertices)


@pytest.mark.parametrize("nonlinearity", PIECEWISE_LINEAR)
def test_exact_counts_equal_dense_sampling_on_small_networks(nonlinearity):
    network = random_network((24, 8, 8, 3), nonlinearity, biases=True, seed=2)
    vertices = shift_vertices(images(4))

    assert count_exact(network, vertices).tolist() == count_sampled(network, vertices, 2**13).tolist()


@given(
    hidden=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    nonlinearity=st.sampled_from(PIECEWISE_LINEAR),
    biases=st.booleans(),
    scale=st.sampled_from([0.5, 1.0, 3.0]),
    cap=st.integers(1, 200),
    seed=st.integers(0, 100_000),
)
@settings(max_examples=60, deadline=None)
def test_random_networks_count_alike_by_both_roads_evenly_and_however_cut(
    hidden, nonlinearity, biases, scale, cap, seed
):
    network = random_network((12, *hidden, 2), nonlinearity, biases=biases, scale=scale, seed=seed)
    vertices = shift_vertices(images(2, 3, 4, seed=seed + 1))

    counts = count_exact(network, vertices)

    assert counts.dtype == torch.int64
    assert counts.tolist() == count_by_coefficients(network, vertices)
    assert not (counts % 2).any()
    assert torch.equal(counts, count_exact(network, vertices, cap=cap))
    assert torch.equal(counts, torch.cat([count_exact(network, path.unsqueeze(0)) for path in vertices]))


@pytest.mark.parametrize("nonlinearity", ["relu", "hard_tanh"])
def test_counts_do_not_depend_on_where_and_which_way_the_path_is_walked(nonlinearity):
    network = random_network((24, 12, 10, 9, 3), nonlinearity, biases=True, scale=1.5)
    vertices = shift_vertices(images(5))
    counts = count_exact(network, vertices)

    middles = (vertices + vertices.roll(-1, dims=1)) / 2
    refined = torch.stack([vertices, middles], dim=2).flatten(1, 2)
    for other in (vertices.roll(2, dims=1), vertices.flip(1), refined):
        assert torch.equal(count_exact(network, other), counts)


def test_equivalent_networks_have_equal_counts_and_a_copied_unit_counts_twice():
    network = random_network((24, 12, 10, 3), scale=1.5)
    w1, w2, w3 = network.weights
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    scale = torch.linspace(0.2, 4.0, 12, dtype=torch.float64)
    vertices = shift_vertices(images(5))
    counts = count_exact(network, vertices)
    unit_alone = count_exact(StackedNetwork([w1[:, :1], w1.new_ones(1, 3, 1)], None, "relu"), vertices)

    permuted = StackedNetwork([w1[:, order], w2[:, :, order], w3], None, "relu")
    rescaled = StackedNetwork([w1 * scale[:, None], w2 / scale, w3], None, "relu")
    halves = torch.cat([w2[..., :1] / 2, w2[..., 1:], w2[..., :1] / 2], dim=2)
    duplicated = StackedNetwork([torch.cat([w1, w1[:, :1]], dim=1), halves, w3], None, "relu")

    assert torch.equal(count_exact(permuted, vertices), counts)
    assert torch.equal(count_exact(rescaled, vertices), counts)
    assert torch.equal(count_exact(duplicated, vertices), counts + unit_alone)


def test_float32_counts_are_those_of_float64_but_for_rare_pairs():
    network = random_network((196, 60, 60, 60, 10), dtype=torch.float32, scale=1.5)
    vertices = shift_vertices(images(30, 14, 14))

    single = count_exact(network, vertices.float())
    double = count_exact(as_dtype(network, torch.float64), vertices.float().double())

    assert int((single - double).abs().max()) <= 2
    assert float(single.double().mean()) == pytest.approx(float(double.double().mean()), rel=1e-4)


@pytest.mark.parametrize("nonlinearity", ["relu", "relu6", "tanh"])
def test_nested_samples_never_count_less_and_never_more_than_there_are(nonlinearity):
    network = random_network((24, 12, 12, 12, 3), nonlinearity, scale=2.0)
    vertices = shift_vertices(images(6))

    sampled = [count_sampled(network, vertices, 2**j) for j in range(6)]

    for coarse, fine in itertools.pairwise(sampled):
        assert bool((coarse <= fine).all())
        assert not (fine % 2).any()
    if nonlinearity != "tanh":
        assert bool((sampled[-1] <= count_exact(network, vertices)).all())
        assert bool((sampled[0] < sampled[-1]).any())


def test_samples_do_not_depend_on_how_many_paths_are_taken_at_a_time():
    network = random_network((24, 12, 12, 3), "tanh")
    vertices = shift_vertices(images(7))

    assert torch.equal(sampled_by_layer(network, vertices, 4), sampled_by_layer(network, vertices, 4, cap=1))


def test_tanh_crossings_of_the_first_layer_are_those_of_its_signs():
    network = random_network((24, 30, 3), "tanh")
    as_relu = StackedNetwork(network.weights, None, "relu")
    vertices = shift_vertices(images(4))

    assert torch.equal(count_sampled(network, vertices, 16), count_exact(as_relu, vertices))


def test_extrapolation_comes_closer_to_the_exact_mean_than_its_samples():
    network = random_network((196, 40, 40, 40, 10))
    vertices = shift_vertices(images(60, 14, 14))
    exact = float(count_exact(network, vertices).double().mean())

    sampled = float(count_sampled(network, vertices, 8).double().mean())
    extrapolated = count_extrapolated(network, vertices, 8)

    assert sampled < exact
    assert abs(extrapolated - exact) < 0.3 * abs(sampled - exact)
    assert extrapolated == pytest.approx(float(extrapolate(network, vertices, 8).mean()))


def test_extrapolation_needs_an_even_number_of_places_a_segment():
    with pytest.raises(ValueError, match="extrapolation halves the number of places a segment: 3 is odd"):
        extrapolate(random_network((24, 4, 3)), shift_vertices(images(1)), 3)


def test_the_estimate_of_work_grows_with_depth_squared_and_is_near_the_truth():
    vertices = shift_vertices(images(8, 14, 14))
    network = random_network((196, 30, 30, 30, 10))
    first_two = StackedNetwork(network.weights[:3], None, "relu")
    # Nodes after each layer: the closed path's, and what the layers so far cross.
    after_one = 15 + float(count_exact(StackedNetwork(network.weights[:2], None, "relu"), vertices).double().mean())
    after_two = 15 + float(count_exact(first_two, vertices).double().mean())

    estimate = exact_work(network, vertices)

    truth = 14 * 196 * 30 + (after_one + after_two) * 30 * 30
    assert 0.85 * truth < estimate <= truth * (1 + 1e-9)
    assert exact_work(random_network((196, *[30] * 9, 10)), vertices) > 6 * estimate


def test_tanh_and_wrong_sizes_are_refused_in_words():
    vertices = shift_vertices(images(2))

    with pytest.raises(ValueError, match="tanh is not piecewise linear: use count_sampled"):
        count_exact(random_network((24, 4, 3), "tanh"), vertices)
    with pytest.raises(ShapeError, match="transitions are counted one network at a time, not 2"):
        count_exact(random_network((24, 4, 3), n_models=2), vertices)
    with pytest.raises(ShapeError, match="paths of size 24 for a network of input size 8"):
        count_sampled(random_network((8, 4, 3)), vertices, 2)
