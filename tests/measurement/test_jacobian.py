"""The Jacobian family against explicit Jacobians in float64: all shapes, nonlinearities and losses."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sensdb.measurement.jacobian import PointMetrics, first_layer_factor, point_metrics
from sensdb.training.network import KINKS
from tests.measurement.networks import (
    as_dtype,
    explicit_logit_jacobian,
    explicit_softmax_jacobian,
    frobenius,
    random_network,
    random_points,
    relative,
)

SHAPES = [
    (20, 10),
    (3, 1, 1, 1, 2),
    (12, 200, 10),
    (64, 7, 2),
    (30, 40, 100),
    (20, 30, 25, 10),
    (40, 9, 8, 7, 9, 8, 7, 9, 8, 10),
    (15, 2000, 10),
    (10, *[12] * 32, 10),
]


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("nonlinearity", KINKS)
@pytest.mark.parametrize("sizes", SHAPES)
def test_every_column_matches_the_explicit_float64_jacobian(sizes, nonlinearity, biases):
    network = random_network(sizes, nonlinearity, biases=biases, n_models=2)
    x = random_points(9, sizes[0])
    y = torch.arange(9) % sizes[-1]
    logits, a, j = network.forward(x), explicit_logit_jacobian(network, x), explicit_softmax_jacobian(network, x)
    p = torch.softmax(logits, dim=-1)
    target = torch.nn.functional.one_hot(y, sizes[-1])

    got = point_metrics(network, x, y)

    assert relative(got.jacobian_norm, frobenius(j)) < 1e-10
    assert relative(got.logit_jacobian_norm, frobenius(a)) < 1e-10
    assert relative(got.jacobian_spectral_norm, torch.linalg.matrix_norm(j, 2)) < 1e-10
    assert relative(got.logit_jacobian_spectral_norm, torch.linalg.matrix_norm(a, 2)) < 1e-10
    assert relative(got.input_gradient_norm, ((p - target).unsqueeze(-2) @ a).norm(dim=(-2, -1))) < 1e-10
    log10 = torch.where(frobenius(j) > 0, frobenius(j).log10(), math.nan)
    assert torch.allclose(got.log10_jacobian_norm, log10, rtol=1e-10, atol=1e-10, equal_nan=True)
    assert relative(got.entropy, -(p * p.log()).sum(-1)) < 1e-10
    assert relative(got.doubt, 1 - p.amax(-1)) < 1e-10
    assert relative(got.loss, -(p.log() * target).sum(-1)) < 1e-10
    assert torch.equal(got.predicted, logits.argmax(-1))
    assert torch.equal(got.correct, got.predicted == y)
    assert torch.equal(got.label, y.expand(2, -1))


def test_boundary_distance_and_margin_match_their_definitions_over_all_classes():
    network = random_network((15, 20, 12, 10), "hard_tanh", biases=True)
    x, y = random_points(25, 15), torch.arange(25) % 10
    f, a = network.forward(x)[0], explicit_logit_jacobian(network, x)[0]
    top = f.argmax(-1)
    expected_distance, expected_margin = [], []
    for i in range(25):
        others = [j for j in range(10) if j != top[i]]
        expected_distance.append(min(float((f[i, top[i]] - f[i, j]) / (a[i, j] - a[i, top[i]]).norm()) for j in others))
        expected_margin.append(float(f[i, y[i]] - max(f[i, j] for j in range(10) if j != y[i])))

    got = point_metrics(network, x, y)

    assert relative(got.boundary_distance[0], torch.tensor(expected_distance)) < 1e-6  # expected is float32
    assert relative(got.margin[0], torch.tensor(expected_margin)) < 1e-6


def test_squared_loss_changes_the_loss_and_its_gradient_and_nothing_else():
    network = random_network((20, 30, 10), biases=True)
    x, y = random_points(12, 20), torch.arange(12) % 10
    residual = network.forward(x)[0] - torch.nn.functional.one_hot(y, 10)
    gradient = (residual.unsqueeze(1) @ explicit_logit_jacobian(network, x)[0]).squeeze(1)

    squared, cross_entropy = point_metrics(network, x, y, loss="squared"), point_metrics(network, x, y)

    assert relative(squared.loss[0], 0.5 * residual.square().sum(-1)) < 1e-12
    assert relative(squared.input_gradient_norm[0], gradient.norm(dim=-1)) < 1e-10
    for name, column in vars(cross_entropy).items():
        if name not in ("loss", "input_gradient_norm"):
            assert torch.equal(column, getattr(squared, name)), name


@pytest.mark.parametrize("nonlinearity", KINKS)
def test_float32_logs_of_norms_are_right_to_1e_4(nonlinearity):
    for sizes in [(784, 100, 100, 10), (64, 16, 16, 16, 16, 16, 16, 10), (300, 50, 100)]:
        network = random_network(sizes, nonlinearity, biases=True, dtype=torch.float32)
        x, y = random_points(40, sizes[0], dtype=torch.float32), torch.arange(40) % sizes[-1]

        single = point_metrics(network, x, y)
        double = point_metrics(as_dtype(network, torch.float64), x.double(), y)

        for name in ("jacobian_norm", "logit_jacobian_norm", "jacobian_spectral_norm", "logit_jacobian_spectral_norm"):
            assert float((getattr(single, name).log() - getattr(double, name).log()).abs().max()) < 1e-4, name


def test_wide_inputs_and_many_classes_agree_with_the_explicit_jacobian():
    network = random_network((3072, 60, 100), "relu6", biases=True)
    x, y = random_points(3, 3072), torch.tensor([0, 50, 99])

    got = point_metrics(network, x, y)

    assert relative(got.jacobian_norm, frobenius(explicit_softmax_jacobian(network, x))) < 1e-12
    single = point_metrics(as_dtype(network, torch.float32), x.float(), y)
    assert relative(single.jacobian_norm, got.jacobian_norm) < 1e-5


@given(
    depth=st.integers(0, 4),
    widths=st.lists(st.integers(1, 12), min_size=4, max_size=4),
    n_classes=st.integers(2, 7),
    size=st.integers(1, 15),
    nonlinearity=st.sampled_from(sorted(KINKS)),
    biases=st.booleans(),
    chunk=st.integers(1, 8),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=40, deadline=None)
def test_random_networks_match_the_explicit_jacobian_in_any_chunks_and_stacks(
    depth, widths, n_classes, size, nonlinearity, biases, chunk, seed
):
    sizes = (size, *widths[:depth], n_classes)
    network = random_network(sizes, nonlinearity, biases=biases, n_models=2, seed=seed)
    x, y = random_points(7, size, seed=seed + 1), torch.arange(7) % n_classes

    whole = point_metrics(network, x, y)

    expected = frobenius(explicit_softmax_jacobian(network, x))
    assert torch.allclose(whole.jacobian_norm, expected, rtol=1e-10, atol=1e-13)
    # Where a sum cancels, rounding differs with the chunk by more than its last digit; hence the absolute part.
    assert_close_with_nan(whole, point_metrics(network, x, y, chunk=chunk))
    for model in range(2):
        alone = point_metrics(network.select(model), x.expand(1, -1, -1), y)
        assert_close_with_nan(PointMetrics(**{n: c[model : model + 1] for n, c in vars(whole).items()}), alone)


def assert_close_with_nan(a: PointMetrics, b: PointMetrics) -> None:
    for name, column in vars(a).items():
        other = getattr(b, name).double()
        assert torch.allclose(column.double(), other, rtol=1e-9, atol=1e-12, equal_nan=True), name


def test_the_factor_of_a_graded_first_layer_keeps_float32s_digits():
    # W_1 = noise + 1000 * rank one, cotangents orthogonal to the dominant direction: the Gram matrix W_1 W_1^T would
    # lose all but two digits here (measurement.md 1.1).
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 50, 400, generator=generator)
    u = torch.nn.functional.normalize(torch.randn(50, 1, generator=generator), dim=0)
    v = torch.nn.functional.normalize(torch.randn(1, 400, generator=generator), dim=1)
    weight = noise + 1000 * (u @ v)
    rows = torch.randn(20, 50, generator=generator)
    rows = rows - (rows @ u) @ u.T

    reduced = (rows @ first_layer_factor(weight)[0]).norm(dim=1)

    exact = (rows.double() @ weight[0].double()).norm(dim=1)
    assert relative(reduced.double(), exact) < 1e-5
