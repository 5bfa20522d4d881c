"""The Jacobian family against explicit Jacobians in float64, identities, planted networks and finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sensdb.errors import ShapeError
from sensdb.measurement.jacobian import (
    PointMetrics,
    first_layer_factor,
    point_metrics,
    points_per_chunk,
    reduced_jacobian,
)
from sensdb.training.network import KINKS, StackedNetwork
from tests.measurement.networks import (
    as_dtype,
    explicit_logit_jacobian,
    explicit_softmax_jacobian,
    planted_network,
    random_network,
    random_points,
)

SHAPES = [
    (20, 10),
    (3, 1, 1, 1, 2),
    (12, 200, 10),
    (64, 7, 2),
    (30, 40, 100),
    (20, 30, 25, 10),
    (40, 9, 8, 7, 9, 8, 7, 9, 8, 10),
]


def relative(measured: Tensor, expected: Tensor) -> float:
    """The largest relative difference; the two must be zero together."""
    return float(((measured - expected).abs() / expected.abs().clamp_min(1e-300)).max())


def frobenius(matrices: Tensor) -> Tensor:
    return torch.linalg.matrix_norm(matrices)


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
