"""The Jacobian family on planted networks, by identities and by finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sensdb.measurement.jacobian import PointMetrics, first_layer_factor, point_metrics, reduced_jacobian
from sensdb.training.network import KINKS, StackedNetwork
from tests.measurement.networks import (
    planted_network,
    random_network,
    random_points,
    relative,
)


def test_softmax_norms_are_at_most_half_the_logit_norms():
    # The largest singular value of diag(s) - s s^T is at most 1/2 (paper.md 1.1).
    network = random_network((20, 30, 30, 10), n_models=3, scale=0.5)
    got = point_metrics(network, random_points(50, 20), torch.zeros(50, dtype=torch.int64))

    assert bool((got.jacobian_norm <= got.logit_jacobian_norm / 2).all())
    assert bool((got.jacobian_spectral_norm <= got.logit_jacobian_spectral_norm / 2).all())
    assert bool((got.jacobian_norm <= got.logit_jacobian_spectral_norm * math.sqrt(0.5)).all())


def test_logits_of_bias_free_relu_are_the_jacobian_times_the_input():
    network = random_network((20, 30, 25, 10), n_models=2)  # h1 >= d: the reduced Jacobian is the Jacobian
    x = random_points(11, 20)
    z = network.preactivations(x)

    jacobian, log_scale = reduced_jacobian(network, z, first_layer_factor(network.weights[0]))

    assert torch.allclose((jacobian @ x.unsqueeze(-1)).squeeze(-1), z[-1], rtol=1e-12, atol=1e-13)
    assert float(log_scale.abs().max()) == 0.0


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu", "relu6", "hard_tanh"])
def test_central_differences_of_the_softmax_converge_to_the_norm_at_second_order(nonlinearity):
    network = random_network((6, 12, 12, 4), nonlinearity, biases=True, seed=3)
    x = random_points(30, 6)
    step = 1e-3
    away = _keeps_its_codes(network, x, step) if nonlinearity != "tanh" else torch.ones(30, dtype=torch.bool)
    got = point_metrics(network, x, torch.zeros(30, dtype=torch.int64)).jacobian_norm[0]

    coarse = (_central_difference_norm(network, x, step) - got)[away]
    fine = (_central_difference_norm(network, x, step / 2) - got)[away]

    assert int(away.sum()) >= 10
    assert float(coarse.norm() / fine.norm()) == pytest.approx(4.0, abs=0.1)


def _central_difference_norm(network: StackedNetwork, x: Tensor, step: float) -> Tensor:
    moves = step * torch.eye(x.shape[1], dtype=x.dtype)  # [d, d]
    ends = [torch.softmax(network.forward((x.unsqueeze(1) + s * moves).flatten(0, 1))[0], -1) for s in (1, -1)]
    return ((ends[0] - ends[1]) / (2 * step)).view(len(x), -1).norm(dim=1)


def _keeps_its_codes(network: StackedNetwork, x: Tensor, step: float) -> Tensor:
    kinks = KINKS[network.nonlinearity]

    def codes(points: Tensor) -> Tensor:
        hidden = network.preactivations(points)[:-1]
        return torch.cat([z[0] > kink for z in hidden for kink in kinks], dim=-1)

    moves = step * torch.eye(x.shape[1], dtype=x.dtype)
    around = torch.stack([codes(x + sign * move) for move in moves for sign in (1, -1)])
    return (around == codes(x)).all(dim=-1).all(dim=0)


def test_small_gaussian_perturbations_change_the_probabilities_by_the_norm():
    # E |s(x + dx) - s(x)|^2 = eps |J|_F^2 for dx ~ N(0, eps I)  (paper.md 1.3)
    network, variance = random_network((10, 16, 5), "tanh"), 1e-8
    x = random_points(1, 10)
    moved = x + math.sqrt(variance) * random_points(20_000, 10, seed=5)

    change = torch.softmax(network.forward(moved), -1) - torch.softmax(network.forward(x), -1)

    norm = float(point_metrics(network, x, torch.tensor([0])).jacobian_norm)
    assert float(change.square().sum(-1).mean()) / variance == pytest.approx(norm**2, rel=0.03)


@pytest.mark.parametrize("label", [0, 1])
def test_two_classes_have_the_closed_form(label):
    direction = torch.tensor([1.5, -2.0, 0.5], dtype=torch.float64)
    network = planted_network([torch.stack([direction / 2, -direction / 2]).numpy()])
    x = random_points(6, 3)
    p = torch.sigmoid(x @ direction)

    got = point_metrics(network, x, torch.full((6,), label))

    assert relative(got.jacobian_norm[0], math.sqrt(2.0) * p * (1 - p) * direction.norm()) < 1e-12
    assert relative(got.boundary_distance[0], (x @ direction).abs() / direction.norm()) < 1e-12
    assert relative(got.input_gradient_norm[0], (p - (1.0 - label)).abs() * direction.norm()) < 1e-12


def test_without_hidden_layers_the_jacobian_is_the_weight_matrix():
    network = random_network((30, 10), biases=True, n_models=2)
    got = point_metrics(network, random_points(5, 30), torch.zeros(5, dtype=torch.int64))

    expected = network.weights[0].flatten(1).norm(dim=1, keepdim=True).expand(-1, 5)
    assert relative(got.logit_jacobian_norm, expected) < 1e-12


def test_moving_by_the_boundary_distance_flips_the_class_of_a_linear_network():
    network = random_network((12, 10), biases=True)
    x = random_points(20, 12)
    got = point_metrics(network, x, torch.zeros(20, dtype=torch.int64))
    f, weight = network.forward(x)[0], network.weights[0][0]
    top = got.predicted[0]
    away = weight.unsqueeze(0) - weight[top].unsqueeze(1)  # [B, C, d]
    distance = (f[torch.arange(20), top].unsqueeze(1) - f) / away.norm(dim=-1)
    nearest = distance.masked_fill(torch.nn.functional.one_hot(top, 10).bool(), math.inf).argmin(dim=1)
    unit = torch.nn.functional.normalize(away[torch.arange(20), nearest], dim=1)

    for factor, flips in [(1 - 1e-6, False), (1 + 1e-6, True)]:
        moved = network.forward(x + factor * got.boundary_distance[0].unsqueeze(1) * unit)[0].argmax(-1)
        assert torch.equal(moved != top, torch.full((20,), flips))


def test_dead_units_give_norm_zero_no_logarithm_and_no_boundary():
    network = planted_network([-torch.rand(6, 4).numpy(), torch.randn(3, 6).numpy()])
    x = torch.rand(7, 4, dtype=torch.float64) + 0.1

    got = point_metrics(network, x, torch.zeros(7, dtype=torch.int64))

    for name in ("jacobian_norm", "logit_jacobian_norm", "jacobian_spectral_norm", "input_gradient_norm"):
        assert float(getattr(got, name).abs().max()) == 0.0, name
    assert bool(got.log10_jacobian_norm.isnan().all())
    assert bool(got.boundary_distance.isnan().all())
    assert torch.allclose(got.doubt, torch.full_like(got.doubt, 2 / 3))
    assert torch.allclose(got.entropy, torch.full_like(got.entropy, math.log(3)))


def test_a_class_that_cannot_be_told_from_the_top_one_is_no_boundary():
    # Classes 0 and 1 have equal weights; 2 is another one. The only boundary within reach is that to class 2.
    network = planted_network([[[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]])
    got = point_metrics(network, torch.tensor([[3.0, 1.0]], dtype=torch.float64), torch.tensor([0]))

    assert float(got.boundary_distance) == pytest.approx(3.0)
    assert float(got.margin) == 0.0
    assert int(got.predicted) == 0


def test_adding_a_constant_to_all_logits_changes_no_probability():
    network = random_network((20, 30, 10), biases=True)
    assert network.biases is not None
    shifted = StackedNetwork(
        network.weights, [*network.biases[:-1], network.biases[-1] + 2.5], network.nonlinearity
    )  # 2.5: logits of a few units stay exact to a rounding
    x, y = random_points(8, 20), torch.arange(8)

    a, b = point_metrics(network, x, y), point_metrics(shifted, x, y)

    assert_same(a, b, tolerance=1e-12)


def test_permuting_the_classes_permutes_nothing_but_labels():
    network = random_network((20, 30, 10), biases=False)
    order = torch.tensor([3, 1, 4, 0, 5, 9, 2, 6, 8, 7])
    permuted = StackedNetwork([network.weights[0], network.weights[1][:, order]], None, "relu")
    x, y = random_points(8, 20), torch.arange(8)

    a, b = point_metrics(network, x, order[y]), point_metrics(permuted, x, y)

    assert torch.equal(a.predicted, order[b.predicted])
    assert_same(a, b, tolerance=1e-12, but=("label", "predicted"))


def test_equivalent_networks_have_equal_jacobians():
    network = random_network((20, 15, 10))
    first, last = network.weights
    order = torch.randperm(15, generator=torch.Generator().manual_seed(0))
    scale = torch.linspace(0.1, 3.0, 15, dtype=torch.float64)
    twins = {
        "permuted": StackedNetwork([first[:, order], last[:, :, order]], None, "relu"),
        "rescaled": StackedNetwork([first * scale[:, None], last / scale], None, "relu"),
        "duplicated": StackedNetwork(
            [torch.cat([first, first[:, :1]], 1), torch.cat([last, last[..., :1]], 2) * _halved(15)], None, "relu"
        ),
    }
    x, y = random_points(8, 20), torch.arange(8)
    expected = point_metrics(network, x, y)

    for twin in twins.values():
        assert_same(expected, point_metrics(twin, x, y), tolerance=1e-11)


def _halved(width: int) -> Tensor:
    """Outgoing weights halved for the first unit and for its copy at the end."""
    factors = torch.ones(width + 1, dtype=torch.float64)
    factors[0] = factors[-1] = 0.5
    return factors


def assert_same(a: PointMetrics, b: PointMetrics, *, tolerance: float, but: tuple[str, ...] = ()) -> None:
    for name, column in vars(a).items():
        if name not in but:
            assert torch.allclose(column.double(), getattr(b, name).double(), rtol=tolerance, atol=tolerance), name
