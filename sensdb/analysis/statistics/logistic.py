"""Logistic regression on splines, as small as an out-of-fold comparison needs it."""

from __future__ import annotations

import numpy as np

from sensdb.analysis.statistics.finished import FloatArray

KNOTS = (0.05, 0.275, 0.5, 0.725, 0.95)
"""Quantiles at which a spline bends (Harrell 2001)."""
RIDGE = 1e-5
"""Of the slopes of standardised columns, a row: keeps them finite where a column tells wrong from right wholly."""
MOST_STEPS = 30


def spline_columns(values: FloatArray, knots: FloatArray) -> FloatArray:
    """A restricted cubic spline: cubic between knots, a line outside them, [n, distinct knots - 1].

    Its first column is the value itself; column j is ((x - t_j)+^3 - ((x - t_(k-1))+^3 (t_k - t_j) - (x - t_k)+^3
    (t_(k-1) - t_j)) / (t_k - t_(k-1))) / (t_k - t_1)^2. With fewer than three distinct knots the value is all.

    Args:
        values: [n], finite.
        knots: ascending; equal ones count once.
    """
    t = np.unique(knots)
    if len(t) < 3:
        return values[:, None]

    def cube(knot: float) -> FloatArray:
        made: FloatArray = np.maximum(values - knot, 0.0) ** 3
        return made

    first, before, last = t[0], t[-2], t[-1]
    bends = [
        cube(each) - (cube(before) * (last - each) - cube(last) * (before - each)) / (last - before) for each in t[:-2]
    ]
    return np.column_stack([values, *(each / (last - first) ** 2 for each in bends)])


def fit_logistic(design: FloatArray, outcome: FloatArray) -> FloatArray:
    """Coefficients of P(outcome = 1) = 1 / (1 + exp(-a - X b)), the constant first, [k + 1].

    Maximum likelihood by Newton's steps, each halved until the likelihood rises, with n RIDGE b^2 / 2 of the
    standardised slopes taken off. A constant column has slope 0.

    Args:
        design: [n, k] without a constant.
        outcome: [n], 0 or 1, both among them.
    """
    n, k = design.shape
    centre, spread = design.mean(axis=0), design.std(axis=0)
    varies = spread > 1e-12 * np.maximum(1.0, np.abs(centre))
    scaled = np.where(varies, (design - centre) / np.where(varies, spread, 1.0), 0.0)
    full = np.column_stack([np.ones(n), scaled])
    penalty = np.concatenate([[0.0], np.full(k, RIDGE * n)])
    share = outcome.mean()
    at = np.concatenate([[np.log(share / (1 - share))], np.zeros(k)])
    value = _objective(full, outcome, at, penalty)
    for _ in range(MOST_STEPS):
        p = _probability(full @ at)
        slope = full.T @ (outcome - p) - penalty * at
        # A column without spread has no curvature of its own; the smallest of the rest keeps the system solvable.
        bend = full.T @ (full * (p * (1 - p))[:, None]) + np.diag(np.maximum(penalty, 1e-9))
        step, size = np.linalg.solve(bend, slope), 1.0
        while (new := _objective(full, outcome, at + size * step, penalty)) < value and size > 1e-6:
            size /= 2
        if new - value < 1e-8 * n:
            break
        at, value = at + size * step, new
    slopes = np.where(varies, at[1:] / np.where(varies, spread, 1.0), 0.0)
    return np.concatenate([[at[0] - slopes @ centre], slopes])


def log_losses(design: FloatArray, outcome: FloatArray, coefficients: FloatArray) -> FloatArray:
    """-log of the probability given to what happened, nats, [n]; finite for every finite design."""
    score = coefficients[0] + design @ coefficients[1:]
    made: FloatArray = np.logaddexp(0.0, np.where(outcome == 1, -score, score))
    return made


def _probability(score: FloatArray) -> FloatArray:
    made: FloatArray = np.exp(-np.logaddexp(0.0, -score))
    return made


def _objective(full: FloatArray, outcome: FloatArray, at: FloatArray, penalty: FloatArray) -> float:
    loss = log_losses(full[:, 1:], outcome, at)
    return -float(np.sum(loss)) - float(np.sum(penalty * at * at)) / 2
