"""Linear regions on a plane: exact polygons, layer by layer (measurement.md 4).

Where the codes of all layers before are fixed, a unit's pre-activation is affine on the plane and its kinks are lines.
So the regions of the layers so far are convex polygons, which the next layer's lines cut further.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sensdb.measurement.affine import activated, codes, exact_copy, layer_maps, values
from sensdb.measurement.planes import Plane
from sensdb.measurement.polygons import Places, Polygons, Reals, lengths, lengths_within
from sensdb.training.network import KINKS, StackedNetwork

REGION_LIMIT = 200_000

# Of the window's half side: what is nearer than this to a line lies on it. Far above the rounding of float64, far below
# any region's width (a hundredth of the window among 200,000 regions).
TOLERANCE = 1e-10

MAP_ELEMENTS = 2**22
"""Numbers in a tensor of maps [polygons, 3, units] before the polygons are worked in parts: 32 MiB."""


@dataclass(frozen=True)
class Regions:
    """The regions of a network in a plane's window, and the boundaries between them.

    Attributes:
        polygons: R of them, in the plane's coordinates; on each all hidden units keep their codes.
        last_keys: [R, 2], equal for two polygons if and only if the last hidden layer's codes are.
        segments: boundaries, [S, 2, 2]; each where a unit meets a kink within a region of the layers before.
        layers: [S] the hidden layer of that unit, from 0.
        n_hidden: hidden layers of the network.
    """

    polygons: Polygons
    last_keys: Reals
    segments: Reals
    layers: Places
    n_hidden: int

    def count(self, scope: str) -> int:
        """Different codes in the window, of all hidden units or of the last_hidden layer's.

        For all units this is the number of polygons. Points of one code of the last layer alone may lie in several
        places; they count once.
        """
        return len(self.polygons) if scope == "all" else len(np.unique(self.last_keys, axis=0))

    def boundaries(self, scope: str) -> Reals:
        """The segments of `all` hidden layers or of the last_hidden one.

        A boundary that lies along one of an earlier layer, as where all inputs of a unit die at once, is there once:
        as the earlier one.
        """
        return self.segments if scope == "all" else self.segments[self.layers == self.n_hidden - 1]


def densities(segments: Reals, plane: Plane) -> tuple[float, float]:
    """Length of boundaries an area: within the discs around the three points, and over the window."""
    near = sum(float(lengths_within(segments, point, plane.radius).sum()) for point in plane.points)
    return near / plane.area_near, float(lengths(segments).sum()) / plane.area


@torch.no_grad()
def slice_regions(
    network: StackedNetwork, plane: Plane, *, limit: int = REGION_LIMIT, cap: int = MAP_ELEMENTS
) -> Regions | None:
    """All regions of a network in a plane's window, exactly, in float64.

    Depth first, so that memory holds the maps of a few polygons a layer. 10 to 20 us a region at widths of 16 to 100;
    what is given up for having too many costs as much as the limit, 40 s of one core at 14 layers of 300 units.

    Args:
        network: one network (M = 1) with piecewise linear units.
        plane: of the network's input size.
        limit: most regions that any layer may leave.
        cap: most numbers in a tensor of maps; changes no region.

    Returns:
        The regions: one without hidden units. None where there are more than `limit`.

    Raises:
        ValueError: tanh is not piecewise linear: its codes can be seen on a grid.
        ShapeError: more than one network, or one of another input size.
    """
    if network.nonlinearity == "tanh":
        raise ValueError("tanh is not piecewise linear: use slice_pixels.")
    cutting = _Cutting(exact_copy(network, torch.device("cpu")), plane, limit, cap)
    return cutting.regions() if cutting.run() else None


def code_keys(n_units: int) -> Tensor:
    """Two random whole numbers a unit, [n_units, 2] float64: codes @ keys tells codes apart.

    Below 2^53 / (2 n_units), so that the products' sums are exact in any order; two of them, so that different codes
    of a million pixels all have different keys but for once in 10^9 slices.
    """
    generator = np.random.Generator(np.random.Philox(n_units))
    return torch.from_numpy(generator.integers(1, 2**53 // (2 * n_units + 2), (n_units, 2)).astype(np.float64))


@dataclass(frozen=True)
class _Part:
    """Regions of the layers before and of `layer`: z of that layer on polygon i is maps[parent[i]]."""

    layer: int
    polygons: Polygons
    parent: Places
    maps: Tensor

    def split(self, at_most: int) -> list[_Part]:
        """The same polygons, `at_most` a part."""
        slices = [slice(start, start + at_most) for start in range(0, len(self.polygons), at_most)]
        return [_Part(self.layer, self.polygons.take(some), self.parent[some], self.maps) for some in slices]


@dataclass
class _Cutting:
    network: StackedNetwork
    plane: Plane
    limit: int
    cap: int
    finished: list[Polygons] = field(default_factory=list)
    last_keys: list[Reals] = field(default_factory=list)
    segments: list[Reals] = field(default_factory=list)
    layers: list[int] = field(default_factory=list)  # beside segments

    @property
    def n_hidden(self) -> int:
        return len(self.network.weights) - 1

    def run(self) -> bool:
        """Cut to the end; False where a layer leaves too many regions."""
        window = Polygons.square(self.plane.half)
        if self.n_hidden == 0:
            self.finished, self.last_keys = [window], [np.zeros((1, 2))]
            return True
        self.keys = code_keys(self.network.sizes[-2])
        n_regions = [0] * self.n_hidden
        stack = self._cut(0, window, layer_maps(self.network, 0, self.plane.maps), n_regions)
        while stack and max(n_regions) <= self.limit:
            part = stack.pop()
            maps = part.maps[torch.from_numpy(part.parent)]  # [r, 3, h]
            a, b = torch.from_numpy(part.polygons.centroids).T
            code = codes(self.network.nonlinearity, values(maps, a, b))
            if part.layer < self.n_hidden - 1:
                after = activated(self.network.nonlinearity, maps, code)
                stack += self._cut(
                    part.layer + 1, part.polygons, layer_maps(self.network, part.layer + 1, after), n_regions
                )
            else:
                self.finished.append(part.polygons)
                self.last_keys.append((code.double() @ self.keys).numpy())
        return max(n_regions) <= self.limit

    def regions(self) -> Regions:
        counts = [len(segments) for segments in self.segments]
        return Regions(
            Polygons.join(self.finished),
            np.concatenate(self.last_keys),
            np.concatenate([np.zeros((0, 2, 2)), *self.segments]),
            np.repeat(np.array(self.layers, dtype=np.int64), counts),
            self.n_hidden,
        )

    def _cut(self, layer: int, polygons: Polygons, maps: Tensor, n_regions: list[int]) -> list[_Part]:
        """Cut polygons by this layer's lines, z on polygon i being maps[i]; returns what they become, in parts."""
        lines = _Lines.crossing(polygons, maps, KINKS[self.network.nonlinearity], TOLERANCE * self.plane.half)
        parts = [polygons.take(lines.counts == 0)]
        parents = [np.flatnonzero(lines.counts == 0)]
        parent = np.flatnonzero(lines.counts > 0)
        current = polygons.take(lines.counts > 0)
        turn = 0
        # Each polygon is cut along its first line, the parts along its second, until its lines are used up.
        while len(current):
            current, of, ends = current.cut(lines.of(parent, turn), TOLERANCE * self.plane.half)
            parent = parent[of]
            self.segments.append(ends)
            self.layers.append(layer)
            turn += 1
            if len(current) > self.limit:
                break
            done = lines.counts[parent] == turn
            if done.any():
                parts.append(current.take(done))
                parents.append(parent[done])
                current, parent = current.take(~done), parent[~done]
        n_regions[layer] += sum(len(part) for part in parts) + len(current)
        widest = max(self.network.sizes[layer + 1 : layer + 3])
        whole = _Part(layer, Polygons.join(parts), np.concatenate(parents), maps)
        return whole.split(max(1, self.cap // (3 * widest)))


@dataclass(frozen=True)
class _Lines:
    """The lines that cross each polygon: `counts` of them [R], those of polygon i from row first[i] of `lines` on."""

    counts: Places
    first: Places
    lines: Reals

    @staticmethod
    def crossing(polygons: Polygons, maps: Tensor, kinks: tuple[float, ...], tolerance: float) -> _Lines:
        """All lines on which a unit meets a kink inside its polygon."""
        lowest, highest = _ranges(polygons, maps)
        slope = torch.hypot(maps[:, 0], maps[:, 1])
        margin = tolerance * slope
        flags = torch.stack([(lowest < kink - margin) & (highest > kink + margin) for kink in kinks], dim=2)
        polygon, unit, which = flags.nonzero(as_tuple=True)
        lines = maps[polygon, :, unit]  # [lines, 3]
        lines[:, 2] -= torch.tensor(kinks, dtype=lines.dtype)[which]
        lines /= slope[polygon, unit].unsqueeze(1)
        counts = np.bincount(polygon.numpy(), minlength=len(polygons))
        return _Lines(counts, np.cumsum(counts) - counts, lines.numpy())

    def of(self, polygons: Places, turn: int) -> Reals:
        """Line number `turn` of each of these polygons, [R', 3]."""
        return np.asarray(self.lines[self.first[polygons] + turn])


def _ranges(polygons: Polygons, maps: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest z of each unit at each polygon's corners, [R, h]: one pass for first corners, one for
    second ones, and so on."""
    first = torch.from_numpy(polygons.corners[polygons.starts])
    lowest = values(maps, first[:, 0], first[:, 1])
    highest = lowest.clone()
    for number in range(1, int(polygons.sizes.max(initial=1))):
        has: npt.NDArray[np.intp] = np.flatnonzero(polygons.sizes > number)
        corner = torch.from_numpy(polygons.corners[polygons.starts[has] + number])
        rows = torch.from_numpy(has)
        z = values(maps[rows], corner[:, 0], corner[:, 1])
        lowest[rows] = torch.minimum(lowest[rows], z)
        highest[rows] = torch.maximum(highest[rows], z)
    return lowest, highest
