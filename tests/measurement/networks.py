"""Networks with random or planted weights, and the slow, plain computations that measuring is held against."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import mpmath
import numpy as np
import torch
from torch import Tensor

from sensdb.training.network import KINKS, StackedNetwork, activation_slope

PIECEWISE_LINEAR = [name for name in KINKS if name != "tanh"]


def random_network(
    sizes: Sequence[int],
    nonlinearity: str = "relu",
    *,
    biases: bool = False,
    n_models: int = 1,
    scale: float = 1.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> StackedNetwork:
    """Gaussian weights of standard deviation scale * sqrt(2 / fan_in); biases, if any, of standard deviation 0.3."""
    generator = torch.Generator().manual_seed(seed)
    weights, offsets = [], []
    for fan_in, fan_out in itertools.pairwise(sizes):
        weight = torch.randn(n_models, fan_out, fan_in, generator=generator, dtype=torch.float64)
        weights.append((weight * scale * math.sqrt(2.0 / fan_in)).to(dtype))
        offsets.append((0.3 * torch.randn(n_models, fan_out, generator=generator, dtype=torch.float64)).to(dtype))
    return StackedNetwork(weights, offsets if biases else None, nonlinearity)


def planted_network(
    weights: Sequence[object], biases: Sequence[object] | None = None, nonlinearity: str = "relu"
) -> StackedNetwork:
    """One float64 network from nested lists or arrays, [fan_out, fan_in] a layer."""

    def stacked(entries: object) -> Tensor:
        return torch.as_tensor(np.array(entries, dtype=np.float64)).unsqueeze(0)

    return StackedNetwork(
        [stacked(w) for w in weights], None if biases is None else [stacked(b) for b in biases], nonlinearity
    )


def as_dtype(network: StackedNetwork, dtype: torch.dtype) -> StackedNetwork:
    """The same network with its weights in another dtype."""
    biases = None if network.biases is None else [bias.to(dtype) for bias in network.biases]
    return StackedNetwork([weight.to(dtype) for weight in network.weights], biases, network.nonlinearity)


def last_layer_times(network: StackedNetwork, factor: float) -> StackedNetwork:
    """The network with logits `factor` times as large."""
    biases = None if network.biases is None else [*network.biases[:-1], network.biases[-1] * factor]
    return StackedNetwork([*network.weights[:-1], network.weights[-1] * factor], biases, network.nonlinearity)


def random_points(n_points: int, size: int, *, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """Points [n_points, size] of independent standard normals."""
    return torch.randn(n_points, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def relative(measured: Tensor, expected: Tensor) -> float:
    """The largest relative difference; the two must be zero together."""
    return float(((measured - expected).abs() / expected.abs().clamp_min(1e-300)).max())


def frobenius(matrices: Tensor) -> Tensor:
    """Of the last two axes."""
    return torch.linalg.matrix_norm(matrices)


def explicit_logit_jacobian(network: StackedNetwork, x: Tensor) -> Tensor:
    """df/dx as the product of all layers, [M, B, C, d]."""
    z = network.preactivations(x)
    jacobian = network.weights[0].unsqueeze(1).expand(-1, x.shape[-2], -1, -1)
    for layer, weight in enumerate(network.weights[1:]):
        slope = activation_slope(network.nonlinearity, z[layer])
        jacobian = weight.unsqueeze(1) @ (slope.unsqueeze(-1) * jacobian)
    return jacobian


def explicit_softmax_jacobian(network: StackedNetwork, x: Tensor) -> Tensor:
    """(diag(s) - s s^T) df/dx, [M, B, C, d] (paper.md 1.1): right where nothing is saturated."""
    s = torch.softmax(network.forward(x), dim=-1)
    g = torch.diag_embed(s) - s.unsqueeze(-1) * s.unsqueeze(-2)
    return g @ explicit_logit_jacobian(network, x)


class HighPrecision:
    """One network at one point in mpmath: float64 weights taken as exact, slopes from the analytic formulas.

    Give `digits` well beyond the exponent of the smallest number asked for: the top class's row cancels.
    """

    def __init__(self, network: StackedNetwork, x: Tensor, digits: int) -> None:
        self.digits = digits
        with mpmath.workdps(digits):
            weights = [mpmath.matrix(weight[0].double().tolist()) for weight in network.weights]
            h = mpmath.matrix(x.double().tolist())
            jacobian = None
            for layer, weight in enumerate(weights):
                z = weight * h
                if network.biases is not None:
                    z += mpmath.matrix(network.biases[layer][0].double().tolist())
                jacobian = weight if jacobian is None else weight * jacobian
                if layer == len(weights) - 1:
                    break
                h, slopes = _activate(network.nonlinearity, z)
                jacobian = mpmath.diag(slopes) * jacobian
            self.logits, self.logit_jacobian = z, jacobian
            top = max(z)
            unnormalised = [mpmath.exp(f - top) for f in z]
            self.p = [u / sum(unnormalised) for u in unnormalised]
            g = mpmath.diag(self.p) - mpmath.matrix(self.p) * mpmath.matrix(self.p).T
            self.jacobian = g * jacobian

    def log10_norm(self, matrix: mpmath.matrix) -> float:
        with mpmath.workdps(self.digits):
            return float(mpmath.log10(mpmath.norm(matrix, 2)))

    def log10_doubt(self) -> float:
        with mpmath.workdps(self.digits):
            return float(mpmath.log10(sum(sorted(self.p)[:-1])))

    def entropy(self) -> float:
        with mpmath.workdps(self.digits):
            return float(-sum(p * mpmath.log(p) for p in self.p))

    def log10_gradient_norm(self, label: int) -> float:
        """Of the cross-entropy."""
        with mpmath.workdps(self.digits):
            residual = mpmath.matrix(self.p)
            residual[label] -= 1
            return self.log10_norm(residual.T * self.logit_jacobian)


def _activate(nonlinearity: str, z: mpmath.matrix) -> tuple[mpmath.matrix, list[mpmath.mpf]]:
    if nonlinearity == "tanh":
        return z.apply(mpmath.tanh), [mpmath.sech(value) ** 2 for value in z]
    low, high = {"relu": (0, mpmath.inf), "relu6": (0, 6), "hard_tanh": (-1, 1), "hard_sigmoid": (-0.5, 0.5)}[
        nonlinearity
    ]
    offset = mpmath.mpf("0.5") if nonlinearity == "hard_sigmoid" else 0
    clipped = [min(max(value, low), high) + offset for value in z]
    return mpmath.matrix(clipped), [mpmath.mpf(low < value < high) for value in z]


def count_by_coefficients(network: StackedNetwork, vertices: Tensor) -> list[int]:
    """Transitions by another road: every z as a + b t on every linear piece of every segment, in float64.

    A piece ends where a unit has a root; its codes are read at its middle, and their changes from piece to piece are
    summed around the path. So a unit that is exactly 0 on one side of a node, all its inputs dead, changes code there.
    """
    counts = []
    for path in vertices:
        codes = np.concatenate([_codes(network, path[i], path[(i + 1) % len(path)]) for i in range(len(path))])
        counts.append(int(np.abs(codes - np.roll(codes, 1, axis=0)).sum()))
    return counts


def _codes(network: StackedNetwork, start: Tensor, end: Tensor) -> np.ndarray:
    """The codes of all hidden units on each piece of one segment, [pieces, units]."""
    kinks = KINKS[network.nonlinearity]
    offset = 0.5 if network.nonlinearity == "hard_sigmoid" else 0.0
    high = kinks[1] if len(kinks) == 2 else np.inf
    # From t0 to t1, h = a + b t, and the codes of the layers before.
    pieces = [(0.0, 1.0, start.numpy(), (end - start).numpy(), np.zeros(0, dtype=np.int64))]
    for layer, stacked in enumerate(network.weights[:-1]):
        weight = stacked[0].numpy()
        bias = 0.0 if network.biases is None else network.biases[layer][0].numpy()
        after = []
        for t0, t1, a, b, codes in pieces:
            constant, slope = weight @ a + bias, weight @ b
            with np.errstate(divide="ignore", invalid="ignore"):
                roots = np.concatenate([(kink - constant) / slope for kink in kinks])
            # A unit fed by one that has just died has its root at the piece's end: not inside by a rounding.
            inside = np.sort(roots[(roots > t0 + 1e-12) & (roots < t1 - 1e-12)])
            for left, right in zip([t0, *inside], [*inside, t1], strict=True):
                middle = constant + slope * (left + right) / 2
                code = np.sum([middle > kink for kink in kinks], axis=0)
                active = code == 1
                flat = np.where(code == 2, high, kinks[0]) + offset
                a_after, b_after = np.where(active, constant + offset, flat), np.where(active, slope, 0.0)
                after.append((left, right, a_after, b_after, np.concatenate([codes, code])))
        pieces = after
    return np.stack([codes for *_, codes in pieces])
