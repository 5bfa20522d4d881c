"""Transitions: how often the activation code changes along a closed path of wrapped horizontal shifts of an image.

The path of x is the polygon x = x_0, x_1, ..., x_{S-1}, x_0 whose vertices are x shifted by whole pixels (S = image
width), all channels together (paper.md 1.5). A hidden unit has a transition wherever its pre-activation z crosses a
kink; its code is the number of kinks strictly below z. Counts are even, in crossings, and add over units and kinks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sensdb.errors import ShapeError
from sensdb.training.network import KINKS, StackedNetwork, activation

# Numbers a tensor [nodes, width] may have before the path is cut: fits a core's cache, and bounds the memory at
# NODE_ELEMENTS numbers a hidden layer.
NODE_ELEMENTS = 2**20


def shift_vertices(images: Tensor) -> Tensor:
    """The vertices of each image's path: the image shifted by 0, 1, ..., w - 1 pixels along its width, wrapped.

    Args:
        images: standardised, [B, h, w, c]; the flat order of the network's inputs is that of these axes.

    Returns:
        [B, w, h * w * c], the image itself first.
    """
    n_points, height, width, channels = images.shape
    doubled = torch.cat([images, images], dim=2)
    # Window s .. s + w of the doubled image: shift by -s. The same polygon, walked the other way.
    windows = doubled.unfold(2, width, 1)[:, :, :width]  # [B, h, S, c, w]
    return windows.permute(0, 2, 1, 4, 3).reshape(n_points, width, height * width * channels)


@torch.no_grad()
def count_exact(network: StackedNetwork, vertices: Tensor, *, cap: int = NODE_ELEMENTS) -> Tensor:
    """Count every crossing along closed polygons, layer by layer (measurement.md 2.2).

    Between neighbouring nodes all z_l are affine, so a unit crosses a kink at most once, exactly if its codes at the
    two ends differ. Each crossing becomes a node for the layers after it: between the new nodes z_{l+1} is affine too.
    Work: sum over layers of R_l h_l h_{l+1} multiply-adds, R_l = S + 1 + the transitions of the first l layers.

    A kink that is touched at a node and not crossed counts 2 under the strict code; it takes planted weights.

    Args:
        network: one network (M = 1) with piecewise linear units.
        vertices: [B, S, d] in the weights' dtype; the polygon closes from the last vertex to the first.
        cap: most numbers in a tensor [nodes, width]; longer node lists are cut and worked one part after the other,
            depth first. Changes no count in exact arithmetic, and bounds the memory.

    Returns:
        [B] int64, on the vertices' device.

    Raises:
        ValueError: the units are not piecewise linear: count samples instead.
        ShapeError: more than one network, or vertices of another size than its inputs.
    """
    if network.nonlinearity == "tanh":
        raise ValueError("tanh is not piecewise linear: use count_sampled.")
    _check(network, vertices)
    counts = torch.zeros(len(vertices), dtype=torch.int64, device=vertices.device)
    if len(network.weights) == 1:
        return counts
    walk = _Walk(network, counts, cap)
    n_vertices = vertices.shape[1]
    paths = max(1, cap // ((n_vertices + 1) * network.sizes[1]))
    for start in range(0, len(vertices), paths):
        z = _linear(network, 0, vertices[start : start + paths])  # [P, S, h1]
        closed = torch.cat([z, z[:, :1]], dim=1).flatten(0, 1)  # [P (S + 1), h1]
        path = torch.arange(start, start + len(z), device=z.device).repeat_interleave(n_vertices + 1)
        walk.down(closed, path)
    return counts


@torch.no_grad()
def sampled_by_layer(network: StackedNetwork, vertices: Tensor, multiple: int, *, cap: int = NODE_ELEMENTS) -> Tensor:
    """Count code changes between k = multiple * S places, equidistant between the vertices, layer by layer.

        t_k = sum over i of | c(i) - c(i + 1 mod k) |_1            (paper.md 1.4)

    Crossings that undo each other between two places are lost: t_k <= t, and t_k does not fall when `multiple`
    doubles. The loss grows with depth (measurement.md 2.4): never compare it with counts of another method.

    Args:
        network: one network (M = 1) of any nonlinearity.
        vertices: [B, S, d].
        multiple: places a segment, >= 1; the vertices are among them.
        cap: as in `count_exact`.

    Returns:
        [B, hidden layers] int64.
    """
    _check(network, vertices)
    n_points, n_vertices = vertices.shape[:2]
    hidden = len(network.weights) - 1
    counts = torch.zeros(n_points, hidden, dtype=torch.int64, device=vertices.device)
    if hidden == 0:
        return counts
    places = n_vertices * multiple
    fraction = torch.arange(multiple, dtype=vertices.dtype, device=vertices.device)[:, None] / multiple
    paths = max(1, cap // (places * max(network.sizes[1:-1])))
    for start in range(0, n_points, paths):
        corner = _linear(network, 0, vertices[start : start + paths]).unsqueeze(2)  # [P, S, 1, h1]
        step = corner.roll(-1, dims=1) - corner
        z = (corner + fraction * step).flatten(1, 2)  # [P, k, h1]
        for layer in range(hidden):
            if layer:
                z = _linear(network, layer, activation(network.nonlinearity, z))
            for kink in KINKS[network.nonlinearity]:
                code = z > kink
                changes = torch.count_nonzero(code[:, 1:] ^ code[:, :-1], dim=(1, 2))
                changes += torch.count_nonzero(code[:, 0] ^ code[:, -1], dim=1)
                counts[start : start + paths, layer] += changes
    return counts


def count_sampled(network: StackedNetwork, vertices: Tensor, multiple: int) -> Tensor:
    """Transitions from samples, [B] int64: `sampled_by_layer` summed over the layers."""
    return sampled_by_layer(network, vertices, multiple).sum(dim=1)


def extrapolate(network: StackedNetwork, vertices: Tensor, multiple: int) -> Tensor:
    """Richardson's correction of the sampled counts, [B] float64: 2 t_k - t_{k/2} at k = multiple * S.

    What sampling loses falls as 1/k, so this removes it in the mean over points, and in the mean only: a point's own
    value is no count. `multiple` must be even, so that the coarse places are among the fine ones.
    """
    if multiple % 2:
        raise ValueError(f"extrapolation halves the number of places a segment: {multiple} is odd.")
    fine = count_sampled(network, vertices, multiple)
    return 2.0 * fine.double() - count_sampled(network, vertices, multiple // 2).double()


def count_extrapolated(network: StackedNetwork, vertices: Tensor, multiple: int) -> float:
    """The mean over the B points of `extrapolate`."""
    return float(extrapolate(network, vertices, multiple).mean())


def exact_work(network: StackedNetwork, vertices: Tensor) -> float:
    """Multiply-adds that `count_exact` will need a path, estimated from samples on a few pilot paths.

    The samples lose a tenth of the crossings, more in deep networks: an estimate for a budget, not a bound.

    Args:
        network: one network (M = 1).
        vertices: the pilot paths, [B, S, d], B >= 1.
    """
    sizes, n_vertices = network.sizes, vertices.shape[1]
    nodes = torch.full((len(vertices),), float(n_vertices + 1), dtype=torch.float64)
    work = n_vertices * float(sizes[0] * sizes[1])
    by_layer = sampled_by_layer(network, vertices, 4).cpu()
    for layer in range(1, len(network.weights) - 1):
        nodes = nodes + by_layer[:, layer - 1]
        work += float(nodes.mean()) * sizes[layer] * sizes[layer + 1]
    return work


@dataclass(frozen=True)
class _Part:
    """Nodes of one hidden layer, and the crossings on the edges between them that are still to become nodes.

    z [R, h] and path [R] are ordered along the paths; crossing m lies on the edge from node edge[m] to the next, at
    fraction[m] of it, where unit[m] meets kink[m]; crossings are ordered by edge and fraction.
    """

    layer: int
    z: Tensor
    path: Tensor
    edge: Tensor
    unit: Tensor
    kink: Tensor
    fraction: Tensor

    def cut(self, limit: int) -> list[_Part]:
        """Parts of at most `limit` nodes once the crossings are nodes, or of one edge; a cut's node is in both."""
        n_nodes = len(self.z)
        if n_nodes + len(self.edge) <= limit or n_nodes < 3:
            return [self]
        before = torch.searchsorted(self.edge, torch.arange(n_nodes, device=self.edge.device))
        place = (before + torch.arange(n_nodes, device=before.device)).cpu().numpy()  # of each node in the new list
        first_crossing = before.cpu().numpy()
        parts: list[_Part] = []
        start = 0
        while start < n_nodes - 1:
            end = max(start + 1, int(np.searchsorted(place, place[start] + limit, side="left")) - 1)
            nodes = slice(start, end + 1)
            crossings = slice(int(first_crossing[start]), int(first_crossing[end]))
            parts.append(
                _Part(
                    self.layer,
                    self.z[nodes],
                    self.path[nodes],
                    self.edge[crossings] - start,
                    self.unit[crossings],
                    self.kink[crossings],
                    self.fraction[crossings],
                )
            )
            start = end
        return parts

    def insert(self) -> tuple[Tensor, Tensor]:
        """z and path at the old nodes and the crossings together, in order along the paths."""
        n_nodes, width = self.z.shape
        crossings = torch.bincount(self.edge, minlength=n_nodes)
        # A node is followed by the crossings of its edge: all of them start from its z.
        source = torch.repeat_interleave(torch.arange(n_nodes, device=self.z.device), crossings + 1)  # [R']
        place = self.edge + torch.arange(1, len(self.edge) + 1, device=self.z.device)
        weight = torch.zeros(len(source), dtype=self.z.dtype, device=self.z.device).index_put_((place,), self.fraction)
        ends = torch.stack([source, (source + 1).clamp_max(n_nodes - 1)], dim=1)
        # (1 - w) z[i] + w z[i + 1], gathered and summed in one pass: three times faster than two gathers and a lerp.
        z = torch.nn.functional.embedding_bag(
            ends, self.z, mode="sum", per_sample_weights=torch.stack([1.0 - weight, weight], dim=1)
        )
        # On its kink exactly, or rounding would leave a trickle behind it on which deeper units seem to move.
        z.view(-1).index_put_((place * width + self.unit,), self.kink)
        return z, self.path[source]


class _Walk:
    """Depth-first over the parts of node lists, so that at most one list a layer is in memory."""

    def __init__(self, network: StackedNetwork, counts: Tensor, cap: int) -> None:
        self.network = network
        self.counts = counts
        self.cap = cap
        self.parts: list[_Part] = []

    def down(self, z: Tensor, path: Tensor) -> None:
        """Count all crossings of the nodes z, [R, h1] at the first hidden layer, and of the layers after it."""
        self.count(0, z, path)
        while self.parts:
            part = self.parts.pop()
            z, path = part.insert()
            layer = part.layer + 1
            self.count(layer, _linear(self.network, layer, activation(self.network.nonlinearity, z)), path)

    def count(self, layer: int, z: Tensor, path: Tensor) -> None:
        """Add the crossings on the edges between the nodes, and lay up the parts for the next layer."""
        width = z.shape[1]
        seams = _true_places(path[1:] != path[:-1])  # where one path's last node meets the next one's first
        found = []
        for kink in KINKS[self.network.nonlinearity]:
            code = z > kink
            crossed = code[1:] ^ code[:-1]  # [R - 1, h]
            crossed[seams] = False
            found.append(_true_places(crossed.view(-1)))
        place = torch.cat(found)
        edge = torch.div(place, width, rounding_mode="floor")
        self.counts += torch.bincount(path[edge], minlength=len(self.counts))
        if layer == len(self.network.weights) - 2:
            return
        kink_of = torch.cat(
            [z.new_full((len(p),), kink) for p, kink in zip(found, KINKS[self.network.nonlinearity], strict=True)]
        )
        flat = z.reshape(-1)
        start, end = flat[place], flat[place + width]
        fraction = (kink_of - start) / (end - start)
        # Below 1, so that a crossing at the edge's end does not sort behind those of the next edge.
        order = _sorted_order(edge + fraction.double().clamp(0.0, 1.0 - 2.0**-20))
        edge = edge[order]
        part = _Part(layer, z, path, edge, (place % width)[order], kink_of[order], fraction[order])
        self.parts.extend(part.cut(max(2, self.cap // max(width, self.network.sizes[layer + 2]))))


def _linear(network: StackedNetwork, layer: int, h: Tensor) -> Tensor:
    bias = None if network.biases is None else network.biases[layer][0]
    return torch.nn.functional.linear(h, network.weights[layer][0], bias)


def _true_places(mask: Tensor) -> Tensor:
    """Where a flat mask is true; by numpy on the CPU, which is three times faster than torch (2.13)."""
    if mask.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.nonzero().squeeze(1)


def _sorted_order(key: Tensor) -> Tensor:
    """The stable order that sorts `key`; by numpy on the CPU, twice as fast as torch (2.13)."""
    if key.device.type == "cpu":
        return torch.from_numpy(np.argsort(key.numpy(), kind="stable"))
    return torch.argsort(key, stable=True)


def _check(network: StackedNetwork, vertices: Tensor) -> None:
    if network.n_models != 1:
        raise ShapeError(
            f"transitions are counted one network at a time, not {network.n_models}.", "use select(model) first."
        )
    if vertices.shape[-1] != network.sizes[0]:
        raise ShapeError(
            f"paths of size {vertices.shape[-1]} for a network of input size {network.sizes[0]}.",
            "the data set, its crop and the network must belong together.",
        )
