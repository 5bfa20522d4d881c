"""Weight norms against numpy's singular values, small and large, and their degenerate cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sensdb.measurement.norms import FULL_SPECTRUM_SIZE, largest_singular_value, weight_norms
from sensdb.training.network import StackedNetwork
from tests.measurement.networks import random_network


def test_norms_are_those_of_the_layers_of_each_model():
    network = random_network((30, 20, 25, 4), biases=True, n_models=3, dtype=torch.float32)

    got = weight_norms(network)

    for model in range(3):
        layers = [weight[model].double().numpy() for weight in network.weights]
        frobenius = [np.linalg.norm(layer) for layer in layers]
        spectral = [np.linalg.norm(layer, 2) for layer in layers]
        assert float(got.weight_norm[model]) == pytest.approx(math.hypot(*frobenius), rel=1e-12)
        assert float(got.log10_weight_norm_product[model]) == pytest.approx(np.log10(frobenius).sum(), rel=1e-12)
        assert float(got.log10_weight_spectral_norm_product[model]) == pytest.approx(
            np.log10(spectral).sum(), rel=1e-12
        )


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (600, 700), (700, 600), (550, 900)])
def test_the_largest_singular_value_is_numpys_on_both_roads(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    assert largest_singular_value(matrix) == pytest.approx(float(np.linalg.norm(matrix.numpy(), 2)), rel=1e-10)


def test_a_large_matrix_of_low_rank_or_none_ends_the_search_early():
    size = FULL_SPECTRUM_SIZE + 40
    u = torch.linspace(-1.0, 2.0, size, dtype=torch.float64)
    rank_one = torch.outer(u, u.flip(0))

    assert largest_singular_value(rank_one) == pytest.approx(float(u @ u), rel=1e-12)
    assert largest_singular_value(torch.zeros(size, size)) == 0.0
    assert largest_singular_value(torch.eye(size)) == pytest.approx(1.0, rel=1e-12)


def test_squares_beyond_float32_do_not_overflow():
    network = StackedNetwork([torch.full((1, 2, 2), 1e30)], None, "relu")

    assert float(weight_norms(network).weight_norm) == pytest.approx(2e30, rel=1e-6)


def test_a_zero_layer_has_no_logarithm_and_a_weight_that_is_not_finite_no_norm():
    network = random_network((4, 3, 2), n_models=2)
    network.weights[1][0] = 0.0
    network.weights[0][1, 0, 0] = math.nan

    got = weight_norms(network)

    assert got.log10_weight_norm_product.tolist()[0] == -math.inf
    assert got.log10_weight_spectral_norm_product.tolist()[0] == -math.inf
    assert bool(got.weight_norm.isnan()[1])
    assert bool(got.log10_weight_spectral_norm_product.isnan()[1])
