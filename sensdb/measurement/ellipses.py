"""Ellipses in input space, and where along one the activation codes of a network change.

On x(t) = c + u cos t + v sin t every pre-activation is A cos t + B sin t + C wherever the codes before it are fixed
(measurement.md 3), so crossings of kinks have closed forms and nothing has to be sampled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sensdb.measurement.affine import activated, codes, exact_copy, layer_maps, values
from sensdb.training.network import KINKS, StackedNetwork, activation

ANCHORS = (math.pi / 3, math.pi, 5 * math.pi / 3)
"""Where an ellipse through three points passes them (paper.md 1.6)."""

TURN = 2.0 * math.pi

# Crossings nearer than this to each other, in radians, are one place: what happens there is seen in the codes on both
# sides. Far above the rounding of float64, far below the pieces of any network (7e-4 on average in the paper's).
SAME_PLACE = 1e-10

# Numbers in a tensor of maps [pieces, 3, units] before the pieces are cut: 32 MiB, and no count depends on it.
MAP_ELEMENTS = 2**22


@dataclass(frozen=True)
class Ellipse:
    """x(t) = centre + cosine cos t + sine sin t, each [d], float64."""

    centre: Tensor
    cosine: Tensor
    sine: Tensor

    def at(self, angles: Tensor) -> Tensor:
        """Points [k, d] at angles [k]."""
        angles = angles.unsqueeze(1)
        return self.centre + self.cosine * torch.cos(angles) + self.sine * torch.sin(angles)

    def maps(self, device: torch.device) -> Tensor:
        """The ellipse as maps of the inputs, [1, 3, d]."""
        return torch.stack([self.cosine, self.sine, self.centre]).unsqueeze(0).to(device)


def ellipse_through(points: Tensor) -> Ellipse:
    """The one ellipse that passes three points [3, d] at ANCHORS.

    c = mean p_i, u = (2/3) sum p_i cos a_i, v = (2/3) sum p_i sin a_i (paper.md 1.6): x(t) is a weighted mean of the
    three with weights 1/3 + (2/3) cos(t - a_i), half-way between two of them (2/3, 2/3, -1/3).
    """
    points = points.double()
    anchors = torch.tensor(ANCHORS, dtype=torch.float64, device=points.device)
    weights = torch.stack([torch.full_like(anchors, 1 / 3), torch.cos(anchors) * (2 / 3), torch.sin(anchors) * (2 / 3)])
    return Ellipse(*(weights @ points))


@torch.no_grad()
def count_ellipse(network: StackedNetwork, ellipse: Ellipse, bins: int, *, cap: int = MAP_ELEMENTS) -> Tensor:
    """Count every change of activation codes along one turn, in equal bins of the angle.

    Layer by layer on the pieces that the layers before leave: a unit crosses tau where

        t = atan2(B, A) +- arccos((tau - C) / rho),   rho = sqrt(A^2 + B^2) > |C - tau|,

    up to twice within a piece. The codes are those at the middle of each piece, and the count is the sum of
    |code - code|_1 over neighbouring pieces around the turn: even over all bins. Without crossings, or without hidden
    units, all 0. In float64 whatever the network's dtype.

    Work: sum over layers of 3 R_l h_l h_{l+1} multiply-adds, R_l = 1 + the changes of the first l layers.

    Args:
        network: one network (M = 1) with piecewise linear units.
        ellipse: of the network's input size.
        bins: equal parts of the turn from angle 0 on, >= 1.
        cap: most numbers in a tensor [pieces, 3, units] before the pieces are worked in parts.

    Returns:
        [bins] int64 on the host.

    Raises:
        ValueError: tanh is not piecewise linear: sample it.
        ShapeError: more than one network, or one of another input size.
    """
    if network.nonlinearity == "tanh":
        raise ValueError("tanh is not piecewise linear: use sample_ellipse.")
    device = network.weights[0].device
    walk = _Walk(exact_copy(network, device), torch.zeros(bins, dtype=torch.int64, device=device), cap)
    walk.around(ellipse.maps(device))
    return walk.counts.cpu()  # waits for the device


@torch.no_grad()
def sample_ellipse(network: StackedNetwork, ellipse: Ellipse, bins: int, multiple: int) -> Tensor:
    """Count code changes between neighbours of bins * multiple places equidistant in angle, the first at 0.

    For tanh, which has codes (the sign) and no linear pieces. Changes that undo each other between two places are
    lost. Arguments and result as in `count_ellipse`; the change from a place to the next is counted where it begins.
    """
    device = network.weights[0].device
    exact = exact_copy(network, device)
    places = bins * multiple
    angles = torch.arange(places + 1, dtype=torch.float64, device=device) * (TURN / places)
    angles[-1] = 0.0  # the same place again, to the last bit
    maps = layer_maps(exact, 0, ellipse.maps(device))
    at_a_time = max(1, MAP_ELEMENTS // max(exact.sizes[1:]))
    counts = torch.zeros(places, dtype=torch.int64, device=device)
    for start in range(0, places, at_a_time):
        part = angles[start : start + at_a_time + 1]
        z = values(maps, torch.cos(part), torch.sin(part))  # [k + 1, h1]
        for layer in range(len(exact.weights) - 1):
            if layer:
                h = activation(exact.nonlinearity, z)
                bias = None if exact.biases is None else exact.biases[layer][0]
                z = torch.nn.functional.linear(h, exact.weights[layer][0], bias)
            counts[start : start + len(part) - 1] += _changes(codes(exact.nonlinearity, z))
    return counts.view(bins, multiple).sum(dim=1).cpu()  # waits for the device


def _changes(code: Tensor) -> Tensor:
    """|code - code|_1 between neighbouring rows of [R, h], [R - 1] int64."""
    return (code[1:] - code[:-1]).abs().sum(dim=1, dtype=torch.int64)


@dataclass(frozen=True)
class _Part:
    """Neighbouring pieces of one hidden layer: piece i from edges[i] to edges[i + 1], z on it maps[parent[i]]."""

    layer: int
    edges: Tensor
    parent: Tensor
    maps: Tensor

    def cut(self, at_most: int) -> list[_Part]:
        """The same pieces, `at_most` a part."""
        return [
            _Part(self.layer, self.edges[start : start + at_most + 1], self.parent[start : start + at_most], self.maps)
            for start in range(0, len(self.parent), at_most)
        ]


@dataclass
class _Walk:
    """Depth-first over parts of the turn, so that each layer sees its pieces in order and memory stays bounded.

    first, last: codes of the first piece of the turn and of the last one seen so far, by layer.
    """

    network: StackedNetwork
    counts: Tensor
    cap: int
    first: dict[int, Tensor] = field(default_factory=dict)
    last: dict[int, Tensor] = field(default_factory=dict)

    def around(self, inputs: Tensor) -> None:
        """Count along a whole turn of the inputs, maps [1, 3, d]."""
        if len(self.network.weights) == 1:
            return
        edges = torch.tensor([0.0, TURN], dtype=torch.float64, device=inputs.device)
        stack = self._divide(0, edges, layer_maps(self.network, 0, inputs))
        while stack:
            stack.extend(self._visit(stack.pop()))
        for layer, code in self.last.items():
            self.counts[0] += _changes(torch.cat([code, self.first[layer]]))[0]  # where the turn closes

    def _visit(self, part: _Part) -> list[_Part]:
        """Count the changes of a part's own layer; returns the parts of the layer after it, the first one last."""
        maps = part.maps[part.parent]  # [r, 3, h]
        middle = (part.edges[:-1] + part.edges[1:]) / 2
        code = codes(self.network.nonlinearity, values(maps, torch.cos(middle), torch.sin(middle)))
        self._count(part, code)
        if part.layer == len(self.network.weights) - 2:
            return []
        after = activated(self.network.nonlinearity, maps, code)
        return self._divide(part.layer + 1, part.edges, layer_maps(self.network, part.layer + 1, after))

    def _count(self, part: _Part, code: Tensor) -> None:
        edges = part.edges[1:-1]
        if part.layer in self.last:
            edges, code = part.edges[:-1], torch.cat([self.last[part.layer], code])
        else:
            self.first[part.layer] = code[:1]
        self.last[part.layer] = code[-1:]
        bins = (edges * (len(self.counts) / TURN)).long().clamp_max(len(self.counts) - 1)
        self.counts.index_add_(0, bins, _changes(code))

    def _divide(self, layer: int, edges: Tensor, maps: Tensor) -> list[_Part]:
        """Pieces cut where a unit of this layer crosses, in parts of bounded size, the first one last."""
        inside = torch.cat([_crossings(edges, maps, kink) for kink in KINKS[self.network.nonlinearity]])
        finer = torch.cat([edges, inside]).sort().values
        apart = torch.ones_like(finer, dtype=torch.bool)
        apart[1:] = finer[1:] - finer[:-1] > SAME_PLACE
        finer = finer[apart]
        parent = torch.searchsorted(edges, (finer[:-1] + finer[1:]) / 2, right=True) - 1
        widest = max(self.network.sizes[layer + 1 : layer + 3])
        return _Part(layer, finer, parent, maps).cut(max(1, self.cap // (3 * widest)))[::-1]


def _crossings(edges: Tensor, maps: Tensor, kink: float) -> Tensor:
    """All angles at which a unit crosses `kink` inside a piece, not at its ends."""
    half = (edges[1:] - edges[:-1]) / 2
    middle = edges[:-1] + half
    distance = (values(maps, torch.cos(middle), torch.sin(middle)) - kink).abs()
    # |dz/dt| <= rho: a unit further from its kink than that times half the piece cannot reach it; few are left.
    piece, unit = (distance < torch.hypot(maps[:, 0], maps[:, 1]) * half[:, None]).nonzero(as_tuple=True)
    a, b, c = maps[piece, 0, unit], maps[piece, 1, unit], maps[piece, 2, unit]
    ratio = (kink - c) / torch.hypot(a, b)
    crosses = ratio.abs() < 1.0
    phase, spread = torch.atan2(b, a)[crosses], torch.arccos(ratio[crosses])
    start, end = edges[piece[crosses]], edges[piece[crosses] + 1]
    found = []
    for angle in (phase - spread, phase + spread):
        angle = start + torch.remainder(angle - start, TURN)
        found.append(angle[(angle > start + SAME_PLACE) & (angle < end - SAME_PLACE)])
    return torch.cat(found)
