"""Saturated, deep and graded networks against mpmath: norms far below what float32 and float64 can hold."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sensdb.measurement.jacobian import log_tanh_slope, point_metrics
from sensdb.training.network import StackedNetwork
from tests.measurement.networks import (
    HighPrecision,
    as_dtype,
    explicit_logit_jacobian,
    last_layer_times,
    random_network,
    random_points,
)

DIGITS = 900  # more than twice the exponent of any norm below: row t of the softmax Jacobian cancels that far


def references(network: StackedNetwork, x: Tensor) -> list[HighPrecision]:
    return [HighPrecision(network, point, DIGITS) for point in x]


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh", "hard_sigmoid"])
@pytest.mark.parametrize("factor", [1, 10, 40])
def test_saturated_networks_agree_with_high_precision(factor, nonlinearity):
    in_float32 = last_layer_times(
        random_network((8, 7, 6, 4), nonlinearity, biases=True, scale=2.0, seed=4, dtype=torch.float32), factor
    )
    network, x = as_dtype(in_float32, torch.float64), random_points(6, 8, dtype=torch.float32)
    y = torch.tensor([0, 1, 2, 3, 0, 1])
    exact = references(network, x)

    double = point_metrics(network, x.double(), y)
    single = point_metrics(in_float32, x, y)

    # An error of delta is a relative error of the norm: float64 logits of some 100 have it at 1e-14.
    log10 = torch.tensor([e.log10_norm(e.jacobian) for e in exact], dtype=torch.float64)
    log10[log10.isinf()] = math.nan  # all units flat
    assert torch.allclose(double.log10_jacobian_norm[0], log10, rtol=0, atol=1e-11, equal_nan=True)
    assert torch.allclose(single.log10_jacobian_norm[0], log10, rtol=0, atol=1e-5, equal_nan=True)
    gradient = torch.tensor([e.log10_gradient_norm(int(t)) for e, t in zip(exact, y, strict=True)]).double()
    assert torch.allclose(double.input_gradient_norm[0].log10(), gradient, rtol=1e-6, atol=1e-6)
    doubt = torch.tensor([e.log10_doubt() for e in exact], dtype=torch.float64)
    assert torch.allclose(double.doubt[0].log10(), doubt, rtol=0, atol=1e-11)
    entropy = torch.tensor([e.entropy() for e in exact], dtype=torch.float64)
    assert torch.allclose(double.entropy[0], entropy, rtol=1e-11, atol=0)


def test_the_saturated_networks_reach_far_below_float32():
    # Guards the test above against becoming easy: some norms must lie below 1e-45.
    network = last_layer_times(random_network((8, 7, 6, 4), "relu", biases=True, scale=2.0, seed=4), 40)
    got = point_metrics(network, random_points(6, 8), torch.zeros(6, dtype=torch.int64))

    assert float(got.log10_jacobian_norm.min()) < -45


def test_norms_below_float64s_range_keep_their_logarithm():
    network = last_layer_times(random_network((8, 20, 4), seed=2), 1000.0)
    x, y = random_points(5, 8), torch.zeros(5, dtype=torch.int64)

    got = point_metrics(network, x, y)
    exact = [HighPrecision(network, point, 6000) for point in x]

    log10 = torch.tensor([e.log10_norm(e.jacobian) for e in exact], dtype=torch.float64)
    assert float(got.log10_jacobian_norm.min()) < -400
    assert torch.allclose(got.log10_jacobian_norm[0], log10, rtol=0, atol=1e-9)
    assert float(got.jacobian_norm.min()) == 0.0
    assert bool(got.jacobian_norm.isfinite().all())


def test_tanh_slopes_keep_their_digits_where_tanh_rounds_to_one():
    z = torch.tensor([0.0, 0.5, -3.0, 9.0, -40.0, 300.0], dtype=torch.float64)
    # 1 - tanh^2 = 4 / (e^z + e^-z)^2, safe in float64 up to 300.
    expected = math.log(4.0) - 2.0 * torch.log(torch.exp(z) + torch.exp(-z))

    assert torch.allclose(log_tanh_slope(z), expected, rtol=1e-14, atol=1e-15)
    assert torch.allclose(log_tanh_slope(z.float()).double(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_saturated_tanh_units_do_not_silence_the_jacobian(dtype):
    # Pre-activations of some 20 to 100: 1 - tanh^2 is 0 in float32 from 9 on, in float64 from 19 on.
    network = random_network((6, 6, 6, 3), "tanh", biases=True, scale=40.0, seed=1, dtype=dtype)
    x, y = random_points(4, 6, dtype=dtype), torch.zeros(4, dtype=torch.int64)
    exact = references(network, x)

    got = point_metrics(network, x, y)

    logit = torch.tensor([e.log10_norm(e.logit_jacobian) for e in exact], dtype=torch.float64)
    norm = torch.tensor([e.log10_norm(e.jacobian) for e in exact], dtype=torch.float64)
    tolerance = 1e-11 if dtype == torch.float64 else 1e-4
    assert float(logit.median()) < -17
    assert torch.allclose(got.logit_jacobian_norm[0].log10(), logit, rtol=0, atol=tolerance)
    assert torch.allclose(got.log10_jacobian_norm[0], norm, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("nonlinearity", "scale"), [("relu", 0.05), ("relu", 4.0), ("hard_tanh", 0.05), ("hard_tanh", 20.0), ("tanh", 20.0)]
)
def test_33_layers_leave_float32s_range_and_come_back(nonlinearity, scale):
    # 0.05^33 is 1e-43, 20^33 is 1e43, and 4^33 is 1e20, whose square is too much for float32. Biases keep the units
    # of the small networks from vanishing.
    network = random_network((10, *[12] * 33, 3), nonlinearity, biases=True, scale=scale, seed=3, dtype=torch.float32)
    x, y = random_points(5, 10, dtype=torch.float32), torch.zeros(5, dtype=torch.int64)
    double = as_dtype(network, torch.float64)
    expected = torch.linalg.matrix_norm(explicit_logit_jacobian(double, x.double()))

    got = point_metrics(network, x, y)

    alive = (expected > 0) & (expected < 1e300)
    if nonlinearity != "tanh":  # the explicit form has no digits left where tanh saturates
        assert torch.equal(got.logit_jacobian_norm == 0, expected == 0)
        assert torch.allclose(got.logit_jacobian_norm[alive].log(), expected[alive].log(), rtol=0, atol=1e-3)
    assert torch.allclose(
        got.logit_jacobian_norm.log(),
        point_metrics(double, x.double(), y).logit_jacobian_norm.log(),
        atol=1e-2,
        rtol=1e-4,
    )


def test_graded_rows_do_not_stop_the_eigenvalue_solver():
    # Probabilities from 1 down to 1e-44: entries of the Gram matrix of the rows down to the subnormal range, on which
    # float32 eigvalsh fails to converge or is silently wrong (measurement.md 1.4).
    network = last_layer_times(random_network((20, 30, 10), seed=6, dtype=torch.float32), 8.0)
    x, y = random_points(400, 20, dtype=torch.float32), torch.zeros(400, dtype=torch.int64)

    single, double = point_metrics(network, x, y), point_metrics(as_dtype(network, torch.float64), x.double(), y)

    ratio = single.jacobian_spectral_norm / double.jacobian_spectral_norm
    assert float((ratio - 1).abs().max()) < 1e-3
    assert bool((single.jacobian_spectral_norm <= single.jacobian_norm * (1 + 1e-6)).all())
