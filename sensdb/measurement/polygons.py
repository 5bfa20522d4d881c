"""Many convex polygons at once, and what lines cut off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Polygons:
    """R convex polygons.

    Attributes:
        corners: [V, 2], those of one polygon behind those of the one before it, each in order around it.
        sizes: [R] corners each, >= 3.
    """

    corners: Reals
    sizes: Places

    @staticmethod
    def square(half: float) -> Polygons:
        """The one square from (-half, -half) to (half, half)."""
        return Polygons(half * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]), np.array([4]))

    @staticmethod
    def join(parts: Sequence[Polygons]) -> Polygons:
        """All polygons of the parts, in their order; none of no parts."""
        if not parts:
            return Polygons(np.zeros((0, 2)), np.zeros(0, dtype=np.int64))
        return Polygons(
            np.concatenate([part.corners for part in parts]), np.concatenate([part.sizes for part in parts])
        )

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def starts(self) -> Places:
        """Place of each polygon's first corner, [R]."""
        return np.cumsum(self.sizes) - self.sizes

    @property
    def owner(self) -> Places:
        """The polygon each corner belongs to, [V]."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def centroids(self) -> Reals:
        """The mean of each polygon's corners, [R, 2]: a point inside."""
        return np.add.reduceat(self.corners, self.starts) / self.sizes[:, np.newaxis] if len(self) else self.corners

    @property
    def areas(self) -> Reals:
        """[R], >= 0 for corners counterclockwise."""
        after = self.corners[self._next()]
        cross = self.corners[:, 0] * after[:, 1] - self.corners[:, 1] * after[:, 0]
        return np.add.reduceat(cross, self.starts) / 2 if len(self) else np.zeros(0)

    def take(self, chosen: npt.NDArray[np.bool_] | slice) -> Polygons:
        """Some of the polygons: [R] flags, or a slice of them."""
        flags = np.zeros(len(self), dtype=bool)
        flags[chosen] = True
        return Polygons(self.corners[np.repeat(flags, self.sizes)], self.sizes[flags])

    def cut(self, lines: Reals, tolerance: float) -> tuple[Polygons, Places, Reals]:
        """Cut each polygon along a line of its own.

        A corner nearer to the line than `tolerance` lies on it: it belongs to both sides, and a polygon without a
        corner clearly on either side stays whole. So no sliver arises and rounding cannot tear a polygon.

        Args:
            lines: [R, 3], l_0 x + l_1 y + l_2 = 0 with l_0^2 + l_1^2 = 1.

        Returns:
            The polygons, more than before; for each the number of the one it is or was a part of; and of each cut
            the two ends, [cuts, 2, 2].
        """
        owner = self.owner
        distance = np.einsum("vi,vi->v", self.corners, lines[owner, :2]) + lines[owner, 2]
        lowest, highest = np.minimum.reduceat(distance, self.starts), np.maximum.reduceat(distance, self.starts)
        is_cut = (lowest < -tolerance) & (highest > tolerance)
        if not is_cut.any():
            return self, np.arange(len(self)), np.zeros((0, 2, 2))
        whole, old = np.flatnonzero(~is_cut), np.flatnonzero(is_cut)
        chosen = self.take(is_cut)
        halves, ends = _halves(chosen, lines[old], distance[is_cut[owner]], tolerance)
        return Polygons.join([self.take(~is_cut), *halves]), np.concatenate([whole, old, old]), ends

    def _next(self) -> Places:
        """The corner after each corner, around its polygon."""
        after = np.arange(1, len(self.corners) + 1)
        after[self.starts + self.sizes - 1] = self.starts
        return after


def _halves(polygons: Polygons, lines: Reals, distance: Reals, tolerance: float) -> tuple[list[Polygons], Reals]:
    """The part of each polygon on either side of its line, and the ends of the cut between them, [R, 2, 2]."""
    side = np.where(np.abs(distance) <= tolerance, 0, np.sign(distance)).astype(np.int64)
    after = polygons._next()
    crossing = np.flatnonzero(side * side[after] < 0)  # edges from one side to the other
    share = distance[crossing] / (distance[crossing] - distance[after[crossing]])
    new = polygons.corners[crossing] + share[:, np.newaxis] * (
        polygons.corners[after[crossing]] - polygons.corners[crossing]
    )
    # A new corner comes between the ends of its edge, so sorting by twice the old place keeps the order around.
    corners = np.concatenate([polygons.corners, new])
    place = np.concatenate([2 * np.arange(len(polygons.corners)), 2 * crossing + 1])
    side = np.concatenate([side, np.zeros(len(new), dtype=np.int64)])
    order = np.argsort(place, kind="stable")
    corners, side, owner = corners[order], side[order], polygons.owner[place[order] // 2]
    halves = [
        Polygons(corners[kept], np.bincount(owner[kept], minlength=len(polygons))) for kept in (side <= 0, side >= 0)
    ]
    return halves, _ends(corners[side == 0], owner[side == 0], lines)


def _ends(corners: Reals, owner: Places, lines: Reals) -> Reals:
    """Of the corners on each polygon's line, two or more, the two that are furthest apart, [R, 2, 2]."""
    along = corners[:, 1] * lines[owner, 0] - corners[:, 0] * lines[owner, 1]
    order = np.lexsort((along, owner))
    last = np.cumsum(np.bincount(owner)) - 1
    first = np.concatenate([[0], last[:-1] + 1])
    return np.stack([corners[order[first]], corners[order[last]]], axis=1)


def lengths(segments: Reals) -> Reals:
    """[S] of segments [S, 2, 2]."""
    return np.asarray(np.hypot(*(segments[:, 1] - segments[:, 0]).T))


def lengths_within(segments: Reals, centre: Reals, radius: float) -> Reals:
    """The length of each segment's part in a disc, [S]: a quadratic for where its line enters and leaves."""
    start, step = segments[:, 0] - centre, segments[:, 1] - segments[:, 0]
    length = lengths(segments)
    with np.errstate(divide="ignore", invalid="ignore"):  # segments of length 0
        towards = -np.einsum("si,si->s", start, step) / length  # along the line, from its start to its nearest point
        height = (start[:, 0] * step[:, 1] - start[:, 1] * step[:, 0]) / length
    half_chord = np.sqrt(np.clip(radius**2 - height**2, 0.0, None))
    inside = np.clip(towards + half_chord, 0.0, length) - np.clip(towards - half_chord, 0.0, length)
    return np.where(length > 0, inside, 0.0)
