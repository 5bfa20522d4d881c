"""L-BFGS with a strong-Wolfe line search for one model, as a course that asks for evaluations and waits for them.

A course never evaluates: it says where, and is handed value and gradient. So many models advance together, each with
its own memory, step length and search, while the expensive evaluations run as one pack; nobody waits for a neighbour's
line search, and a shared state that ruins convergence cannot arise. The search is that of Nocedal and Wright (2006),
chapter 3, with the interpolation and the safeguards of torch.optim.LBFGS, so that the two can be compared step by step.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

HISTORY = 10
MOST_EVALUATIONS = 25
"""Evaluations a line search, at most."""
ARMIJO, CURVATURE = 1e-4, 0.9
FLAT = 1e-9
"""A gradient below this everywhere ends the course."""
LEAST_CURVATURE = 1e-10
"""A step whose s.y is not above this teaches nothing about curvature and is not remembered."""
LEAST_BRACKET = 1e-9
"""A bracket shorter than this, in the coordinate that moves most, is not searched further."""

# A step taken, the change of the gradient along it, and the inverse of their product.
Curvature = tuple[Tensor, Tensor, float]


@dataclass(frozen=True)
class Iterate:
    """Where a course stands between two searches, and all that the next one depends on.

    Attributes:
        x, gradient: [P]. value: at x.
        memory: of the last HISTORY steps, the oldest first.
        scale: of the first guess at the inverse Hessian.
    """

    x: Tensor
    value: float
    gradient: Tensor
    memory: tuple[Curvature, ...] = ()
    scale: float = 1.0


# Yields None to ask for value and gradient at x, an iterate once x is the next one; returns converged or diverged.
Course = Generator[Iterate | None, tuple[float, Tensor], str]


@dataclass(frozen=True)
class _Point:
    """A point origin + t d of a line search: value, gradient, and slope along d."""

    t: float
    value: float
    gradient: Tensor
    slope: float


def minimise(x: Tensor, start: Iterate | None = None) -> Course:
    """The course of one model from x on; x itself is moved to each trial point and to each iterate.

    Send (value, gradient) at x after each None; gradients are copied. Send anything after an iterate.

    Args:
        x: [P], all parameters of the model in one row.
        start: an iterate of an earlier course, at x, which is yielded again and gone on from as that course would.

    Returns:
        "converged": the gradient vanishes, or no step was found that lowers the value; x is the last iterate.
        "diverged": value or slope at an iterate are not finite.
    """
    if start is None:
        value, gradient = yield None
        here = Iterate(x.clone(), value, gradient.clone())
        t = min(1.0, 1.0 / max(float(here.gradient.abs().sum()), 1e-300))
    else:
        here, t = start, 1.0
        yield here
    while True:
        if float(here.gradient.abs().max()) < FLAT:
            return "converged"
        direction = _direction(here)
        slope = float(here.gradient.dot(direction))
        if not (math.isfinite(here.value) and math.isfinite(slope)):
            return "diverged"
        found = None
        if slope < 0.0:
            found = yield from _search(x, here.x, direction, _Point(0.0, here.value, here.gradient, slope), t)
        if found is None:
            x.copy_(here.x)
            return "converged"
        torch.add(here.x, direction, alpha=found.t, out=x)
        step, change = direction * found.t, found.gradient - here.gradient
        curvature = float(change.dot(step))
        memory, scale = here.memory, here.scale
        if curvature > LEAST_CURVATURE:
            memory = (*memory, (step, change, 1.0 / curvature))[-HISTORY:]
            scale = curvature / float(change.dot(change))
        here, t = Iterate(x.clone(), found.value, found.gradient, memory, scale), 1.0
        yield here


def _direction(here: Iterate) -> Tensor:
    """Minus the gradient times the approximate inverse Hessian, by the two loops over the remembered steps."""
    q = here.gradient.neg()
    shares = []
    for step, change, inverse in reversed(here.memory):
        share = float(step.dot(q)) * inverse
        q.add_(change, alpha=-share)
        shares.append(share)
    q.mul_(here.scale)
    for (step, change, inverse), share in zip(here.memory, reversed(shares), strict=True):
        q.add_(step, alpha=share - float(change.dot(q)) * inverse)
    return q


def _search(
    x: Tensor, origin: Tensor, direction: Tensor, start: _Point, t: float
) -> Generator[None, tuple[float, Tensor], _Point | None]:
    """A point along `direction` that meets the strong Wolfe conditions, or the lowest one seen; None if none is lower.

    First bracket, each trial farther out; then shrink the bracket by cubic interpolation.
    """

    def at(t: float) -> Generator[None, tuple[float, Tensor], _Point]:
        torch.add(origin, direction, alpha=t, out=x)
        value, gradient = yield None
        slope = float(gradient.dot(direction))
        # Too far out for the arithmetic counts as infinitely high: the search turns back.
        return _Point(t, value if math.isfinite(value) and math.isfinite(slope) else math.inf, gradient.clone(), slope)

    def too_high(point: _Point) -> bool:
        return point.value > start.value + ARMIJO * point.t * start.slope

    def flat_enough(point: _Point) -> bool:
        return abs(point.slope) <= -CURVATURE * start.slope

    previous, new = start, (yield from at(t))
    n_evaluations = 1
    bracket = [start, new]
    while n_evaluations < MOST_EVALUATIONS:
        if too_high(new) or (n_evaluations > 2 and new.value >= previous.value):
            bracket = [previous, new]
            break
        if flat_enough(new):
            return new
        if new.slope >= 0.0:
            bracket = [previous, new]
            break
        t = _cubic_minimum(previous, new, new.t + 0.01 * (new.t - previous.t), new.t * 10.0)
        previous, new = new, (yield from at(t))
        n_evaluations += 1
        bracket = [start, new]

    reach = float(direction.abs().max())
    low, high = (0, 1) if bracket[0].value <= bracket[1].value else (1, 0)
    slow = False
    while n_evaluations < MOST_EVALUATIONS and abs(bracket[1].t - bracket[0].t) * reach >= LEAST_BRACKET:
        left, right = sorted(point.t for point in bracket)
        t, slow = _off_the_ends(_cubic_minimum(bracket[0], bracket[1], left, right), left, right, slow)
        new = yield from at(t)
        n_evaluations += 1
        if too_high(new) or new.value >= bracket[low].value:
            bracket[high] = new
            low, high = (0, 1) if bracket[0].value <= bracket[1].value else (1, 0)
            continue
        if flat_enough(new):
            return new
        if new.slope * (bracket[high].t - bracket[low].t) >= 0.0:
            bracket[high] = bracket[low]
        bracket[low] = new
    best = bracket[low]
    return best if best.value < start.value else None


def _cubic_minimum(a: _Point, b: _Point, least: float, most: float) -> float:
    """Where the cubic through two values and slopes has its minimum, within bounds; their middle if it has none."""
    middle = (least + most) / 2.0
    if not (math.isfinite(a.value) and math.isfinite(b.value)):
        return middle
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0.0:
        return middle
    d2 = math.sqrt(square)
    curvature = b.slope - a.slope + 2.0 * d2
    if curvature == 0.0:
        return middle
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / curvature), least), most)


def _off_the_ends(t: float, left: float, right: float, slow: bool) -> tuple[float, bool]:
    """A trial near an end of the bracket, twice in a row or on the end itself, moves a tenth inwards.

    Returns:
        The trial, and whether it lies near an end now.
    """
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if slow or t >= right or t <= left:
        return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
    return t, True
