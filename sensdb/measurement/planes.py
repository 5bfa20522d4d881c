"""The plane through three training points, the window on it, and the discs that are near the points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sensdb.measurement.polygons import Reals

WINDOW = 1.5
"""Half the window's side over the largest distance of a point from the middle of the three."""

NEAR = 0.25
"""Radius of what is near a point, over the smallest distance of two of them: the discs are apart and, for any triangle,
inside the window."""


@dataclass(frozen=True)
class Plane:
    """x = origin + a e1 + b e2 with a and b in [-half, half], in units of standardised input.

    Attributes:
        origin: the mean of the three points, [d] float64; e1, e2: orthonormal, e1 along the first side.
        half: half the window's side.
        points: (a, b) of the three points, [3, 2].
        radius: of the discs around them.
    """

    origin: Tensor
    e1: Tensor
    e2: Tensor
    half: float
    points: Reals
    radius: float

    @property
    def maps(self) -> Tensor:
        """The plane as maps of the inputs, [1, 3, d]."""
        return torch.stack([self.e1, self.e2, self.origin]).unsqueeze(0)

    @property
    def area(self) -> float:
        """Of the window."""
        return 4.0 * self.half**2

    @property
    def area_near(self) -> float:
        """Of the three discs together."""
        return 3.0 * math.pi * self.radius**2


def plane_through(points: Tensor) -> Plane | None:
    """The plane through three points [3, d]; None where they lie on a line, which leaves no plane.

    Its window and discs follow from the points alone, so that all models of a data set are seen through the same.
    """
    points = points.double().cpu()
    origin = points.mean(dim=0)
    first, second = points[1] - points[0], points[2] - points[0]
    e1 = first / torch.linalg.vector_norm(first)
    across = second - (second @ e1) * e1
    # Negated so that it is true of NaN too: two equal points.
    if not torch.linalg.vector_norm(across) > 1e-6 * torch.linalg.vector_norm(second):
        return None
    e2 = across / torch.linalg.vector_norm(across)
    inside = torch.stack([(points - origin) @ e1, (points - origin) @ e2], dim=1).numpy()
    sides = np.hypot(*(inside - np.roll(inside, 1, axis=0)).T)
    return Plane(origin, e1, e2, WINDOW * float(np.hypot(*inside.T).max()), inside, NEAR * float(sides.min()))
