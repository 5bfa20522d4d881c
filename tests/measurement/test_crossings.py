"""The two ways by which a crossing becomes a node, against each other and against a count by coefficients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sensdb.measurement import crossings
from sensdb.measurement.transitions import count_exact, shift_vertices
from sensdb.training.network import StackedNetwork
from tests.measurement.networks import (
    PIECEWISE_LINEAR,
    as_dtype,
    count_by_coefficients,
    random_network,
    random_points,
)
from tests.measurement.plain_transitions import count_plainly


def paths(n_points: int, height: int = 4, width: int = 6, seed: int = 0) -> Tensor:
    return shift_vertices(random_points(n_points, height * width, seed=seed).view(n_points, height, width, 1))


@pytest.fixture(params=[0, 10**9], ids=["sparse", "dense"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the two ways for every layer, whatever its shape."""
    monkeypatch.setattr(crossings, "PRODUCTS_A_PAIR", request.param)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("nonlinearity", PIECEWISE_LINEAR)
@pytest.mark.parametrize("hidden", [(9, 14, 6), (6, 7, 5, 8, 6, 7), (3, 2, 3, 2), (1, 1, 1)])
def test_either_way_finds_what_the_coefficients_say(hidden, nonlinearity, biases):
    # Narrow relu networks without biases die on part of a path: their pre-activations are then exactly on the kink.
    for seed in range(2):
        network = random_network((24, *hidden, 3), nonlinearity, biases=biases, scale=1.5, seed=seed)

        assert count_exact(network, paths(2)).tolist() == count_by_coefficients(network, paths(2))


@given(
    hidden=st.lists(st.integers(17, 45), min_size=2, max_size=3),
    nonlinearity=st.sampled_from(PIECEWISE_LINEAR),
    biases=st.booleans(),
    scale=st.sampled_from([0.3, 1.0, 3.0]),
    cap=st.sampled_from([300, 5000]),
    seed=st.integers(0, 100_000),
)
@settings(max_examples=12, deadline=None)
def test_wide_random_networks_count_as_the_plain_form_however_cut(hidden, nonlinearity, biases, scale, cap, seed):
    network = random_network((24, *hidden, 2), nonlinearity, biases=biases, scale=scale, seed=seed)
    vertices = paths(2, seed=seed + 1)

    counts = count_exact(network, vertices)

    assert torch.equal(counts, count_plainly(network, vertices))
    assert torch.equal(counts, count_exact(network, vertices, cap=cap))
    assert not (counts % 2).any()


def test_float32_counts_are_those_of_the_plain_form_in_float64_but_for_rare_pairs():
    network = random_network((196, 100, 100, 100, 10), dtype=torch.float32)
    vertices = shift_vertices(random_points(20, 196, dtype=torch.float32).view(20, 14, 14, 1))

    single = count_exact(network, vertices)
    double = count_plainly(as_dtype(network, torch.float64), vertices.double())

    assert int((single - double).abs().max()) <= 2
    assert float(single.double().mean()) == pytest.approx(float(double.double().mean()), rel=1e-4)


def test_layers_that_die_and_revive_between_two_nodes_have_no_trickle(monkeypatch: pytest.MonkeyPatch):
    # Two units, alive on either side of a gap within one edge; in the gap the next layer is exactly 0, on its kink.
    monkeypatch.setattr(crossings, "PRODUCTS_A_PAIR", 0)
    generator = np.random.default_rng(0)
    for _ in range(20):
        first = torch.tensor([[[1.0], [-1.0]]], dtype=torch.float64)
        second = torch.from_numpy(-generator.uniform(0.1, 1.0, size=(1, 30, 2)))
        third = torch.from_numpy(generator.normal(size=(1, 3, 30)))
        gap = torch.from_numpy(-generator.uniform(0.1, 0.9, size=(1, 2)))
        zero = [torch.zeros(1, 30, dtype=torch.float64), torch.zeros(1, 3, dtype=torch.float64)]
        network = StackedNetwork([first, second, third], [gap, *zero], "relu")
        there_and_back = torch.tensor([[[-1.0], [1.0]]], dtype=torch.float64)

        assert count_exact(network, there_and_back).tolist() == [4]  # each of the two units, twice


def test_a_layer_with_a_weight_of_zero_goes_the_dense_way_and_one_without_goes_sparse():
    network = random_network((24, 40, 40, 40, 3))
    network.weights[1][0, 3, 5] = 0.0

    rows = crossings.Walk(network, torch.zeros(1, dtype=torch.int64), 1000).rows

    assert [row is None for row in rows] == [True, False]


def test_planted_copies_with_unused_inputs_count_as_the_unit_they_copy():
    # Half the inputs of each second unit have weight 0: what is dead for it must be exactly 0 for it.
    network = random_network((24, 40, 40, 3), scale=1.5)
    block = torch.zeros(40, 40, dtype=torch.float64)
    block[:20, :2] = network.weights[1][0, :20, :2]
    block[20:, 2:4] = network.weights[1][0, 20:, 2:4]
    planted = StackedNetwork([network.weights[0], block.unsqueeze(0), network.weights[2]], None, "relu")

    assert count_exact(planted, paths(3)).tolist() == count_by_coefficients(planted, paths(3))
