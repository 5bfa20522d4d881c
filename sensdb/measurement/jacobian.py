"""The Jacobian of a network at many points, and every per-point number that follows from it.

C cotangents a point are backpropagated to the first layer only; what the first layer does to norms is a factor of at
most h1 columns, made once a model. The Jacobian itself, [M, B, C, d], is never formed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from sensdb.errors import ShapeError
from sensdb.measurement.softmax import softmax_metrics
from sensdb.training.network import StackedNetwork, activation_slope, stacked_product

# GEMM rows (points times classes) that keep a CPU core busy and its working set in cache; narrow networks take more
# points at a time, up to CACHE_ELEMENTS numbers, so that the price of a call vanishes.
CHUNK_ROWS = 4096
CACHE_ELEMENTS = 2**19
MEMORY_ELEMENTS = 2**25
ACCELERATOR_ELEMENTS = 2**27

# Beyond it the rounding of float32 logits, an absolute error of delta, would show in the fifth digit of the norm.
LARGE_LOGITS = 32.0

# Layers between two rescalings of the cotangents: float32 holds 38 decades either way, so a layer may change their
# size by nine before anything is lost.
RESCALE_LAYERS = 4


@dataclass(frozen=True)
class PointMetrics:
    """The Jacobian family at B points of M networks: one tensor [M, B] a column of point_metrics.

    label and predicted are int64, correct is bool, the rest float64 whatever the networks' dtype: norms come out of
    logarithms that reach far below what float32 holds. NaN where a number does not exist (metrics.py says when) and,
    in every column but the first three, where the network's output is not finite.
    """

    label: Tensor
    predicted: Tensor
    correct: Tensor
    loss: Tensor
    doubt: Tensor
    entropy: Tensor
    margin: Tensor
    jacobian_norm: Tensor
    log10_jacobian_norm: Tensor
    logit_jacobian_norm: Tensor
    jacobian_spectral_norm: Tensor
    logit_jacobian_spectral_norm: Tensor
    input_gradient_norm: Tensor
    boundary_distance: Tensor


def first_layer_factor(weight: Tensor) -> Tensor:
    """The part of the first layer that norms of the Jacobian see: R^T of W_1^T = Q R, or W_1 where that is no smaller.

    J = B W_1 = (B R^T) Q^T and Q has orthonormal columns, so B R^T has the norms, inner products and singular values
    of J's rows (measurement.md 1.1). R and not the Gram matrix W_1 W_1^T, which squares the condition number: on
    graded weights the latter loses all of float32's digits.

    Args:
        weight: W_1, [M, h1, d].

    Returns:
        [M, h1, min(h1, d)] in the weight's dtype; the factorisation itself is done in float64.
    """
    n_models, rows, columns = weight.shape
    if rows >= columns:
        return weight
    triangle: Tensor = torch.linalg.qr(weight.double().mT, mode="r").R  # [M, h1, h1]
    return triangle.mT.to(weight.dtype).reshape(n_models, rows, rows)


def points_per_chunk(network: StackedNetwork) -> int:
    """Points to take at a time: a function of the networks' shape and device alone, so that M changes no rounding.

    The last line is about memory and the only one that looks at M; it speaks for widths beyond some 8000 at M = 1.
    """
    classes = network.sizes[-1]
    per_point = classes * max(network.sizes[1:])
    if network.weights[0].device.type != "cpu":
        return max(1, ACCELERATOR_ELEMENTS // (per_point * network.n_models))
    points = max(CHUNK_ROWS // classes, CACHE_ELEMENTS // per_point, 1)
    return max(1, min(points, MEMORY_ELEMENTS // (per_point * network.n_models)))


def log_tanh_slope(z: Tensor) -> Tensor:
    """log(1 - tanh(z)^2) = log 4 - 2|z| - 2 log(1 + exp(-2|z|)), elementwise.

    The difference 1 - tanh^2 is 0 in float32 from |z| = 9 on; this form keeps its digits at any z.
    """
    doubled = 2.0 * z.abs()
    return math.log(4.0) - doubled - 2.0 * torch.log1p(torch.exp(-doubled))


def _slopes(nonlinearity: str, z: Tensor) -> tuple[Tensor, Tensor | None]:
    """phi'(z), [M, B, h]; for tanh divided by a point's largest slope, whose logarithm [M, B] comes second."""
    if nonlinearity != "tanh":
        return activation_slope(nonlinearity, z), None
    log_slope = log_tanh_slope(z)
    largest = log_slope.amax(dim=-1, keepdim=True)
    return torch.exp(log_slope - largest), largest.squeeze(-1).double()


def reduced_jacobian(network: StackedNetwork, z: list[Tensor], factor: Tensor) -> tuple[Tensor, Tensor]:
    """The logit Jacobian df/dx up to a rotation of its rows, divided by exp(log_scale).

        A_{L-1} = W_L D_{L-1},   A_{l-1} = (A_l W_l) D_{l-1},   J Q = A_1 R^T          (measurement.md 1.1)

    with D_l = diag(phi'(z_l)). Cost a point: C (sum of h_l h_{l-1} over the hidden layers + h1 min(h1, d)).

    Args:
        network: M stacked networks.
        z: their pre-activations, `network.preactivations(x)`.
        factor: `first_layer_factor(network.weights[0])`.

    Returns:
        [M, B, C, r], r = min(h1, d), in the weights' dtype; and log_scale, [M, B] float64: deep or saturated
        networks have Jacobians far outside the range of float32.
    """
    n_models, n_points, classes = z[-1].shape
    log_scale = torch.zeros(n_models, n_points, dtype=torch.float64, device=z[-1].device)
    if len(z) == 1:
        return factor.unsqueeze(1).expand(-1, n_points, -1, -1), log_scale  # [M, B, C, r]
    rows = network.weights[-1].unsqueeze(1)  # [M, 1, C, h]: the last layer's, shared by all points
    for layer in range(len(z) - 2, -1, -1):
        slope, log_largest = _slopes(network.nonlinearity, z[layer])
        if log_largest is not None:
            log_scale += log_largest
        if layer % RESCALE_LAYERS == RESCALE_LAYERS - 1:
            exponent = torch.frexp(torch.linalg.vector_norm(rows, dim=-1).amax(dim=-1)).exponent  # [M, B or 1]
            slope = torch.ldexp(slope, -exponent.unsqueeze(-1))  # a power of two: exact
            log_scale += exponent.double() * math.log(2.0)
        # In place once the tensor is ours: a pass over [M, B, C, h] costs a tenth of the product before it.
        rows = rows.mul_(slope.unsqueeze(2)) if layer < len(z) - 2 else rows * slope.unsqueeze(2)
        onward = network.weights[layer] if layer else factor
        rows = stacked_product(rows.flatten(1, 2), onward).view(n_models, n_points, classes, onward.shape[2])
    return rows, log_scale


@torch.no_grad()
def point_metrics(
    network: StackedNetwork,
    x: Tensor,
    y: Tensor,
    *,
    loss: str = "cross_entropy",
    spectral: bool = True,
    factor: Tensor | None = None,
    chunk: int | None = None,
) -> PointMetrics:
    """Measure the Jacobian family of M networks at B points.

    Args:
        network: M stacked networks; their dtype is that of the products, sums over classes are float64, and so is
            the forward pass where logits are large.
        x: standardised inputs, [B, d] shared by all models or [M, B, d].
        y: labels, [B] or [M, B], integers from 0.
        loss: cross_entropy, or squared for half the squared distance to the one-hot label; decides `loss` and
            `input_gradient_norm` and nothing else.
        spectral: also the spectral norms, an eigenvalue problem of C rows a point; NaN otherwise.
        factor: `first_layer_factor` of the network, where it is at hand.
        chunk: points at a time, 1 .. B; changes results by rounding only. None: `points_per_chunk`.

    Raises:
        ShapeError: the inputs are not the networks' size, or there is not one label a point.
    """
    n_models, n_points = network.n_models, x.shape[-2]
    if y.shape[-1] != n_points:
        raise ShapeError(f"{y.shape[-1]} labels for {n_points} points.", "each input needs one label.")
    labels = y.long().expand(n_models, n_points)
    if factor is None:
        factor = first_layer_factor(network.weights[0])
    in_float64: StackedNetwork | None = None
    parts: list[dict[str, Tensor]] = []
    for start, end in _spans(n_points, chunk or points_per_chunk(network)):
        z = network.preactivations(x[..., start:end, :])
        logits = z[-1]
        if _need_float64(logits):
            in_float64 = in_float64 or _float64(network)
            logits = in_float64.forward(x[..., start:end, :].double())
        reduced, log_scale = reduced_jacobian(network, z, factor)
        part = softmax_metrics(
            logits.flatten(0, 1),
            labels[:, start:end].flatten(),
            reduced.flatten(0, 1),
            log_scale.flatten(),
            loss=loss,
            spectral=spectral,
        )
        parts.append({name: column.view(n_models, -1) for name, column in part.items()})
    names = [field.name for field in fields(PointMetrics)]
    return PointMetrics(**{name: torch.cat([part[name] for part in parts], dim=1) for name in names})


def _need_float64(logits: Tensor) -> bool:
    """Whether any of the logits is too large for float32 and still finite; the norm is exp of their differences."""
    if logits.dtype == torch.float64 or logits.numel() == 0:
        return False
    return LARGE_LOGITS < float(logits.abs().max()) < math.inf  # waits for the device


def _float64(network: StackedNetwork) -> StackedNetwork:
    biases = None if network.biases is None else [bias.double() for bias in network.biases]
    return StackedNetwork([weight.double() for weight in network.weights], biases, network.nonlinearity)


def _spans(n_points: int, chunk: int) -> Iterator[tuple[int, int]]:
    """[start, end) of each chunk; one empty span where there are no points, so that results have their shapes."""
    for start in range(0, max(n_points, 1), chunk):
        yield start, min(start + chunk, n_points)
