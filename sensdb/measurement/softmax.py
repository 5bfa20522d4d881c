"""From logits and their Jacobian to probabilities' Jacobian, losses and margins, without cancellation.

Nothing here subtracts a probability from 1 or from another: a fitted network's top probability rounds to 1 and its
Jacobian's norm is 1e-40, and yet every digit of the norm is there to be had (measurement.md 1.3).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sensdb.training.network import stacked_product

LOG10 = math.log(10.0)


def softmax_metrics(
    logits: Tensor, labels: Tensor, jacobian: Tensor, log_scale: Tensor, *, loss: str, spectral: bool
) -> dict[str, Tensor]:
    """Every column of PointMetrics at N points (measurement.md 1.3, 1.4).

    With t the predicted class, delta_j = f_j - f_t <= 0, d2 = max over j != t of delta_j, and J_j the rows of df/dx:

        e_j = exp(delta_j - d2), e_t = 0          rest = exp(d2) sum e_j        q_j = e_j / (1 + rest)
        doubt = 1 - p_t = rest / (1 + rest)       p_j = exp(d2) q_j             loss = log(1 + rest) - delta_y
        E_j = J_j - J_t                           m = sum_j q_j E_j
        rows of d softmax/dx, over exp(d2):       j != t: q_j (E_j - exp(d2) m)          j = t: -p_t m

    Args:
        logits: f, [N, C], C >= 2.
        labels: y, [N] int64.
        jacobian: df/dx / exp(log_scale), [N, C, r]; any rotation of its rows will do.
        log_scale: [N] float64.
        loss: cross_entropy or squared (half the squared distance of logits and one-hot label).
        spectral: whether to compute the spectral norms; NaN otherwise.

    Returns:
        [N] a column, float64 but for label, predicted (int64) and correct (bool). NaN where an input is not finite.
        With |.| the Euclidean norm, |.|_F the Frobenius norm, |.|_2 the largest singular value, s = exp(log_scale) and
        inputs as standardised, |x| = sqrt(d):

        label, predicted, correct: y, t (the first of equal logits), and whether they are the same.
        loss: nats; -log p_y, or |f - onehot(y)|^2 / 2 for the squared loss.
        doubt: rest / (1 + rest).
        entropy: nats; -sum p_j log p_j = log(1 + rest) - sum over j != t of p_j delta_j, no term negative.
        margin: logits; f_y - max over j != y of f_j.
        jacobian_norm: probability per unit of standardised input; s exp(d2) |rows|_F (paper.md 1.1), 0 for a Jacobian
            that is exactly 0.
        log10_jacobian_norm: log10 of probability per unit of standardised input; from the logarithm, not from the
            norm, which underflows; NaN for a Jacobian that is exactly 0.
        logit_jacobian_norm: logit per unit of standardised input; s |J|_F.
        jacobian_spectral_norm: probability per unit of standardised input; s exp(d2) |rows|_2.
        logit_jacobian_spectral_norm: logit per unit of standardised input; s |J|_2.
        input_gradient_norm: nats per unit of standardised input; s |sum over j of (p_j - [j = y]) J_j|, computed as
            the sum of g_j E_j over j != t; s |sum of (f_j - [j = y]) J_j| for the squared loss.
        boundary_distance: units of standardised input; min over j != t of -delta_j / (s |E_j|) (measurement.md 1.4),
            NaN where no class can be reached: E_j = 0 for all j.
    """
    predicted = logits.argmax(dim=-1)
    finite = logits.isfinite().all(dim=-1) & torch.linalg.vector_norm(jacobian, dim=(-2, -1)).isfinite()
    if not bool(finite.all()):  # waits for the device; eigvalsh would raise for the whole chunk
        logits = torch.where(finite[:, None], logits, torch.zeros_like(logits))
        jacobian = torch.where(finite[:, None, None], jacobian, torch.zeros_like(jacobian))

    # Float64 from here wherever the class axis is the last: the difference of two float32 logits is then exact.
    f = logits.double()
    top = f.argmax(dim=-1, keepdim=True)  # [N, 1]
    is_top = torch.zeros_like(f, dtype=torch.bool).scatter_(-1, top, True)
    delta = f - f.gather(-1, top)
    others = delta.masked_fill(is_top, -math.inf)
    gap = others.amax(dim=-1)  # d2
    e = torch.exp(others - gap[:, None])
    runner_up = torch.exp(gap)
    rest = runner_up * e.sum(dim=-1)
    q = e / (1.0 + rest)[:, None]
    p = runner_up[:, None] * q  # of the classes but t
    delta_y = delta.gather(-1, labels[:, None]).squeeze(-1)
    right = labels == top.squeeze(-1)
    log_normaliser = torch.log1p(rest)

    target = torch.nn.functional.one_hot(labels, f.shape[-1])
    to_top = jacobian - jacobian[torch.arange(len(f), device=f.device), top.squeeze(-1)][:, None]  # E, [N, C, r]
    # The gradient of cross-entropy is sum (p_j - [j = y]) J_j = sum g_j E_j; exp(d2) is kept apart where y = t.
    g = torch.where(right[:, None], q, p - target)
    mixed = stacked_product(torch.stack([q, g], dim=1).to(to_top.dtype), to_top)
    mixture, gradient = torch.unbind(mixed, dim=1)  # [N, r] each
    if loss == "squared":
        residual = f - target
        gradient = stacked_product(residual.to(jacobian.dtype)[:, None], jacobian).squeeze(1)
        point_loss = 0.5 * residual.square().sum(dim=-1)
        log_gradient_scale = log_scale
    else:
        point_loss = log_normaliser - delta_y
        log_gradient_scale = log_scale + torch.where(right, gap, torch.zeros_like(gap))

    to_top_norm = _norm(to_top)  # [N, C]
    p_top = 1.0 / (1.0 + rest)
    to_top -= runner_up.to(to_top.dtype)[:, None, None] * mixture[:, None]
    row_norm = (q * _norm(to_top)).scatter(-1, top, (p_top * _norm(mixture))[:, None])
    log_norm = gap + log_scale + torch.log(torch.linalg.vector_norm(row_norm, dim=-1))

    logit_log_spectral = log_spectral = torch.full_like(gap, math.nan)
    if spectral:
        logit_log_spectral = log_scale + _log_largest_singular_value(jacobian)
        rows = to_top.mul_(q.to(to_top.dtype)[..., None])
        rows[torch.arange(len(f), device=f.device), top.squeeze(-1)] = -p_top.to(rows.dtype)[:, None] * mixture
        log_spectral = gap + log_scale + _log_largest_singular_value(rows)

    reachable = (to_top_norm > 0) & ~is_top
    distance = torch.where(reachable, -delta / to_top_norm, torch.full_like(delta, math.inf)).amin(dim=-1)
    columns = {
        "loss": point_loss,
        "doubt": rest * p_top,
        # p_t log(1 + rest) + sum over the others of p_j (log(1 + rest) - delta_j): no term is negative.
        "entropy": log_normaliser - (p * delta).sum(dim=-1),
        "margin": torch.where(right, -gap, delta_y),
        "jacobian_norm": torch.exp(log_norm),
        "log10_jacobian_norm": torch.where(log_norm.isfinite(), log_norm / LOG10, math.nan),
        "logit_jacobian_norm": torch.exp(log_scale + torch.log(torch.linalg.vector_norm(_norm(jacobian), dim=-1))),
        "jacobian_spectral_norm": torch.exp(log_spectral),
        "logit_jacobian_spectral_norm": torch.exp(logit_log_spectral),
        "input_gradient_norm": torch.exp(log_gradient_scale + torch.log(_norm(gradient))),
        "boundary_distance": torch.where(reachable.any(dim=-1), distance * torch.exp(-log_scale), math.nan),
    }
    measured = {name: torch.where(finite, column, math.nan) for name, column in columns.items()}
    return {"label": labels, "predicted": predicted, "correct": predicted == labels, **measured}


def _norm(vectors: Tensor) -> Tensor:
    """Euclidean norm over the last axis, summed in the vectors' dtype and handed on in float64."""
    norms: Tensor = torch.linalg.vector_norm(vectors, dim=-1)
    return norms.double()


def _log_largest_singular_value(rows: Tensor) -> Tensor:
    """log of the largest singular value of each [C, r] matrix, [N] float64; -inf for a zero matrix.

    The eigenvalues of the smaller of rows rows^T and rows^T rows. They are sought in float64 always: on graded
    matrices torch's float32 eigvalsh fails to converge, which loses the batch, or is silently wrong
    (measurement.md 1.4). Lanczos for the largest alone, all matrices at once, takes longer up to 200 x 200.
    """
    gram = stacked_product(rows, rows.mT) if rows.shape[-2] <= rows.shape[-1] else stacked_product(rows.mT, rows)
    eigenvalues: Tensor = torch.linalg.eigvalsh(gram.double())  # ascending
    return 0.5 * torch.log(eigenvalues[..., -1].clamp_min(0.0))
