"""Norms of the weights: what a sensitivity measure has to beat (paper.md 13)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sensdb.training.network import StackedNetwork

# Up to this many rows or columns all singular values are cheap; beyond, the largest alone is sought.
FULL_SPECTRUM_SIZE = 512
LANCZOS_STEPS = 300
LANCZOS_TOLERANCE = 1e-12
ROWS_AT_A_TIME = 2048


@dataclass(frozen=True)
class WeightNorms:
    """One number a network, [M] float64, biases left out; NaN where a weight is not finite.

    weight_norm is the square root of the sum of all squared weights; the other two are base-10 logarithms of the
    product over layers of Frobenius norms and of largest singular values, -inf where a layer is 0.
    """

    weight_norm: Tensor
    log10_weight_norm_product: Tensor
    log10_weight_spectral_norm_product: Tensor


@torch.no_grad()
def weight_norms(network: StackedNetwork) -> WeightNorms:
    """The norms of M stacked networks, in units of weights as trained, biases left out (paper.md 13).

        weight_norm = sqrt(sum over layers of |W_l|_F^2)
        log10_weight_norm_product = sum over layers of log10 |W_l|_F
        log10_weight_spectral_norm_product = sum over layers of log10 |W_l|_2

    with |.|_F the Frobenius norm and |.|_2 the largest singular value.
    """
    # Squares of float32 leave its range at 1e19: sum them in float64.
    frobenius = torch.stack([weight.double().flatten(1).norm(dim=1) for weight in network.weights])  # [L, M]
    spectral = torch.stack(
        [
            torch.stack([torch.as_tensor(largest_singular_value(one), dtype=torch.float64) for one in weight])
            for weight in network.weights
        ]
    )
    return WeightNorms(
        weight_norm=torch.linalg.vector_norm(frobenius, dim=0),
        log10_weight_norm_product=frobenius.log10().sum(dim=0),
        log10_weight_spectral_norm_product=spectral.log10().sum(dim=0),
    )


@torch.no_grad()
def largest_singular_value(matrix: Tensor) -> float:
    """The largest singular value of one matrix, [rows, columns], to 1e-10 relative; NaN where an entry is not finite.

    Small matrices: the square root of the largest eigenvalue of the smaller Gram matrix, in float64. Large ones:
    Lanczos on it with full reorthogonalisation, from a fixed start, so that the number is the same on every call.
    """
    if not bool(matrix.isfinite().all()):
        return math.nan
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.mT
    if matrix.shape[1] > FULL_SPECTRUM_SIZE:
        return _lanczos(matrix)
    wide = matrix.double()
    return math.sqrt(max(0.0, float(torch.linalg.eigvalsh(wide.mT @ wide)[-1])))


def _lanczos(matrix: Tensor) -> float:
    """Lanczos on A^T A, A = `matrix` [rows, n]: the largest Ritz value grows towards the largest eigenvalue."""
    n = matrix.shape[1]
    steps = min(n, LANCZOS_STEPS)
    # Incommensurate waves: no structure of a trained matrix is orthogonal to all of them.
    start = torch.cos(torch.arange(n, dtype=torch.float64, device=matrix.device) * math.sqrt(2.0)) + 0.5
    basis = torch.zeros(steps, n, dtype=torch.float64, device=matrix.device)
    basis[0] = start / start.norm()
    diagonal: list[float] = []
    beside: list[float] = []
    largest = 0.0
    for step in range(steps):
        v = _gram_product(matrix, basis[step])
        diagonal.append(float(v @ basis[step]))
        known = basis[: step + 1]
        for _ in range(2):  # once leaves a rounding of the subtraction, twice is enough
            v = v - known.mT @ (known @ v)
        beside.append(float(v.norm()))
        previous, largest = largest, _largest_of_tridiagonal(diagonal, beside[:-1])
        if step + 1 == steps or beside[-1] <= LANCZOS_TOLERANCE * largest:
            break
        if step > 10 and largest - previous <= LANCZOS_TOLERANCE * largest:
            break
        basis[step + 1] = v / beside[-1]
    return math.sqrt(max(0.0, largest))


def _gram_product(matrix: Tensor, v: Tensor) -> Tensor:
    """A^T A v in float64, block by block: a float64 copy of a large matrix would double its memory."""
    total = torch.zeros_like(v)
    for start in range(0, matrix.shape[0], ROWS_AT_A_TIME):
        block = matrix[start : start + ROWS_AT_A_TIME].double()
        total += block.mT @ (block @ v)
    return total


def _largest_of_tridiagonal(diagonal: list[float], beside: list[float]) -> float:
    size = len(diagonal)
    tridiagonal = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    if size > 1:
        off = torch.tensor(beside, dtype=torch.float64)
        tridiagonal += torch.diag(off, 1) + torch.diag(off, -1)
    return float(torch.linalg.eigvalsh(tridiagonal)[-1])
