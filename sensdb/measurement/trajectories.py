"""Sensitivity along closed curves off and through the data: the rows of trajectory_metrics (paper.md 1.6, figure 2)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sensdb.definitions.metrics import TRAJECTORY_KINDS
from sensdb.measurement.ellipses import TURN, Ellipse, count_ellipse, ellipse_through, sample_ellipse
from sensdb.measurement.jacobian import point_metrics
from sensdb.measurement.triples import class_triples
from sensdb.training.network import StackedNetwork
from sensdb.training.random import Purpose, normals

BINS = 63
"""Rows a trajectory. Divisible by three and odd, so that the three points an ellipse passes are middles of bins: 10, 31
and 52. Half a bin away, a twentieth of the way round, the Jacobian norm has already left its dip."""

SAMPLES_A_BIN = 64
"""Places a bin where codes are sampled, for tanh alone: 4032 a turn."""


def random_ellipse(number: int, size: int) -> Ellipse:
    """The ellipse of this number around the origin, its axes drawn from N(0, I): |x| is about sqrt(d) all along.

    The same for every model whose inputs are of this size: its draws are a stream of their own, of no model's seed.
    """
    draws = normals(0, Purpose.MEASUREMENT, number, 2 * size)
    return Ellipse(torch.zeros(size, dtype=torch.float64), draws[:size], draws[size:])


def chosen_ellipses(x: Tensor, labels: Tensor, n_each: int, n_trained: int, name: str) -> Iterator[tuple[int, Ellipse]]:
    """Numbered ellipses, n_each of every kind: number 3 i + k is the i-th of TRAJECTORY_KINDS[k].

    Neither n_each nor the model changes what a number means. Of those through training points the model was not
    trained on, for it was trained on fewer, there are none; nor of kinds for which the data set has too few classes
    or points.

    Args:
        x: training points in training order, [n, d] standardised; labels: their true classes, [n].
        n_trained: how many of them the model was trained on.
        name: of the data set.
    """
    for i in range(n_each):
        yield 3 * i, random_ellipse(i, x.shape[1])
    for k in (1, 2):
        same_class = TRAJECTORY_KINDS[k] == "same_class"
        triples = class_triples(labels.tolist(), n_each, same_class=same_class, name=name)
        for i, triple in enumerate(triples):
            if max(triple) < n_trained:
                yield 3 * i + k, ellipse_through(x[list(triple)].cpu())


@torch.no_grad()
def measure_trajectories(
    network: StackedNetwork, x: Tensor, labels: Tensor, n_each: int, n_trained: int, name: str
) -> dict[str, npt.NDArray[np.generic]] | None:
    """Rows of trajectory_metrics for one network (M = 1): BINS a trajectory, in order of trajectory and position.

    A row is a bin of the angle: the Jacobian norm at its middle, and the transitions in it, from middle - pi / BINS to
    middle + pi / BINS, exact but for tanh, whose codes are sampled. Cost of an exact turn: `count_ellipse`.

        kind: of the ellipse (paper.md 1.6), one of TRAJECTORY_KINDS.
        angle: radians; the middle of the bin, (position + 1/2) 2 pi / BINS.
        jacobian_norm: probability per unit of standardised input; `point_metrics` at that place.
        log10_jacobian_norm: log10 of probability per unit of standardised input; likewise.
        transitions: crossings in the bin; `count_ellipse` for piecewise linear units, `sample_ellipse` at SAMPLES_A_BIN
            places a bin for tanh (measurement.md 3). No budget applies, and no other method.

    Args:
        n_each: trajectories of each kind; the other arguments are those of `chosen_ellipses`.

    Returns:
        trajectory, position and the columns of TRAJECTORY_METRICS, one entry a row; NaN is to be stored as NULL.
        None where there is no trajectory.
    """
    ellipses = sorted(chosen_ellipses(x, labels, n_each, n_trained, name), key=lambda numbered: numbered[0])
    if not ellipses:
        return None
    angles = (torch.arange(BINS, dtype=torch.float64) + 0.5) * (TURN / BINS)
    points = torch.cat([ellipse.at(angles) for _, ellipse in ellipses])  # [T BINS, d]
    points = points.to(x.device, x.dtype)
    nobody = torch.zeros(len(points), dtype=torch.int64, device=x.device)  # these points have no label
    jacobians = point_metrics(network, points, nobody, spectral=False)
    if network.nonlinearity == "tanh":
        counts = [sample_ellipse(network, ellipse, BINS, SAMPLES_A_BIN) for _, ellipse in ellipses]
    else:
        counts = [count_ellipse(network, ellipse, BINS) for _, ellipse in ellipses]
    numbers = np.array([number for number, _ in ellipses])
    return {
        "trajectory": np.repeat(numbers, BINS),
        "position": np.tile(np.arange(BINS), len(ellipses)),
        "kind": np.repeat(np.array(TRAJECTORY_KINDS)[numbers % len(TRAJECTORY_KINDS)], BINS),
        "angle": np.tile(angles.numpy(), len(ellipses)),
        "jacobian_norm": jacobians.jacobian_norm[0].cpu().numpy(),
        "log10_jacobian_norm": jacobians.log10_jacobian_norm[0].cpu().numpy(),
        "transitions": torch.cat(counts).numpy(),
    }
