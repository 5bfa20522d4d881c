"""Stacks of models and chunks of points: what may be asked of them, what is refused, and that they change no bit."""

from __future__ import annotations

import math

import pytest
import torch

from sensdb.errors import ShapeError
from sensdb.measurement.jacobian import point_metrics, points_per_chunk
from tests.measurement.networks import (
    random_network,
    random_points,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_points", [1, 2, 6])
@pytest.mark.parametrize("sizes", [(16, 2), (16, 1, 2), (3, 1, 1, 1, 2), (64, 16, 10), (64, 16, 1, 2), (32, 48, 100)])
def test_a_network_alone_has_the_bits_it_has_in_a_stack(sizes, n_points, dtype):
    # Widths of 1 make products of one column, which MKL rounds in another way where there is one of them alone.
    x = random_points(n_points, sizes[0], dtype=dtype)
    y = torch.arange(n_points) % sizes[-1]
    for n_models in (1, 2, 5):
        network = random_network(sizes, biases=True, n_models=n_models, dtype=dtype)
        stacked = point_metrics(network, x, y)
        for model in range(n_models):
            alone = point_metrics(network.select(model), x, y)
            for name, column in vars(stacked).items():
                one = getattr(alone, name)[0]
                assert torch.equal(column[model].double().nan_to_num(-1), one.double().nan_to_num(-1)), name


def test_inputs_may_differ_between_the_models_of_a_stack():
    network = random_network((6, 5, 3), n_models=2)
    x, y = random_points(8, 6).view(2, 4, 6), torch.arange(8).view(2, 4) % 3

    got = point_metrics(network, x, y)

    for model in range(2):
        alone = point_metrics(network.select(model), x[model], y[model])
        assert torch.allclose(got.jacobian_norm[model], alone.jacobian_norm[0], rtol=1e-13)
        assert torch.equal(got.label[model], alone.label[0])


def test_the_number_of_points_a_chunk_does_not_depend_on_the_number_of_models():
    one, many = random_network((784, 200, 10)), random_network((784, 200, 10), n_models=16)

    assert points_per_chunk(one) == points_per_chunk(many)
    assert points_per_chunk(random_network((8, 4, 10))) > points_per_chunk(one) >= 128


def test_a_point_that_overflows_gets_nan_and_leaves_its_neighbours_alone():
    network = random_network((4, 6, 3), dtype=torch.float32)
    x = random_points(5, 4, dtype=torch.float32)
    overflowing = x.clone()
    overflowing[2] *= math.inf

    got = point_metrics(network, overflowing, torch.zeros(5, dtype=torch.int64))

    expected = point_metrics(network, x, torch.zeros(5, dtype=torch.int64))
    others = torch.tensor([0, 1, 3, 4])
    assert bool(got.jacobian_norm[0, 2].isnan())
    assert bool(got.loss[0, 2].isnan())
    assert torch.equal(got.jacobian_norm[:, others], expected.jacobian_norm[:, others])
    assert torch.equal(got.boundary_distance[:, others], expected.boundary_distance[:, others])


def test_spectral_norms_are_left_out_on_request():
    network = random_network((8, 6, 4))
    got = point_metrics(network, random_points(3, 8), torch.zeros(3, dtype=torch.int64), spectral=False)

    assert bool(got.jacobian_spectral_norm.isnan().all())
    assert bool(got.logit_jacobian_spectral_norm.isnan().all())
    assert bool(got.jacobian_norm.isfinite().all())


def test_no_points_give_empty_columns():
    got = point_metrics(random_network((4, 3, 2)), torch.zeros(0, 4).double(), torch.zeros(0, dtype=torch.int64))

    assert got.jacobian_norm.shape == (1, 0)


def test_wrong_sizes_are_refused_with_both_sizes():
    network = random_network((8, 6, 4), n_models=2)

    with pytest.raises(ShapeError, match=r"inputs of size 7 for networks of input size 8 \(2 models\)\."):
        point_metrics(network, random_points(3, 7), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"2 labels for 3 points\."):
        point_metrics(network, random_points(3, 8), torch.zeros(2, dtype=torch.int64))
