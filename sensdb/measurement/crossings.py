"""Where hidden units cross their kinks along closed chains of nodes, layer by layer: the engine of `count_exact`.

Between neighbouring nodes every pre-activation of a layer is affine. A crossing becomes a node for the layers after it,
in one of two ways (measurement.md 2.2, 2.3). Both give the same pre-activations but for rounding:

    dense     the layer's own z, interpolated at the crossing and set on the kink, goes through the next layer
    sparse    only the nodes that were there go through it; at fraction t of an edge whose ends have y_0 and y_1

                  y(t) = (1 - t) y_0 + t y_1 - sum over the edge's crossings c of
                         bend_c min(t, t_c) (1 - max(t, t_c)) W[:, unit_c]

              with bend_c = +-|z_1 - z_0| of the unit, + where phi bends upwards (its lower kink), - where downwards

Sparse saves a product of h_l h_{l+1} a new node for one row of h_{l+1} a pair of crossings on one edge.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sensdb.training.network import KINKS, StackedNetwork, activation

# Multiply-adds that a matrix product does while a row of the next layer is gathered and added, over the row's length;
# sparse is taken below this many pairs a crossing and unit. Layers of up to 16 units are dense always.
PRODUCTS_A_PAIR = 16


@dataclass(frozen=True)
class _Crossings:
    """Crossings of one layer on the edges of a list of nodes, in order along the chains.

    edge[m] is the node it follows, at fraction[m] of the way to the next one; unit[m] meets kink[m] there, and bend[m]
    is +-|z_1 - z_0|. live[m] is the number of units at that place whose activation is not 0, for nonlinearities with
    a kink at 0 whose layer is dead below it; None for the others.
    """

    edge: Tensor
    unit: Tensor
    kink: Tensor
    fraction: Tensor
    bend: Tensor
    live: Tensor | None

    def between(self, first: int, last: int, node: int) -> _Crossings:
        """Crossings first .. last - 1, their edges counted from `node`."""
        part = slice(first, last)
        live = None if self.live is None else self.live[part]
        return _Crossings(
            self.edge[part] - node, self.unit[part], self.kink[part], self.fraction[part], self.bend[part], live
        )


@dataclass(frozen=True)
class _Part:
    """Nodes in order along the chains, and crossings of hidden layer `layer` that are still to become nodes.

    values [R, h]: z of that layer where the way is dense, of the next one where it is sparse. path [R]: whose chain.
    """

    layer: int
    is_sparse: bool
    values: Tensor
    path: Tensor
    crossings: _Crossings

    def cut(self, limit: int) -> list[_Part]:
        """Parts of at most `limit` nodes once the crossings are nodes, or of one edge; a cut's node is in both."""
        edge = self.crossings.edge
        n_nodes = len(self.path)
        if n_nodes + len(edge) <= limit or n_nodes < 3:
            return [self]
        before = torch.searchsorted(edge, torch.arange(n_nodes, device=edge.device))
        place = (before + torch.arange(n_nodes, device=before.device)).cpu().numpy()  # of each node in the new list
        first_crossing = before.cpu().numpy()
        parts: list[_Part] = []
        start = 0
        while start < n_nodes - 1:
            end = max(start + 1, int(np.searchsorted(place, place[start] + limit, side="left")) - 1)
            nodes = slice(start, end + 1)
            crossings = self.crossings.between(int(first_crossing[start]), int(first_crossing[end]), start)
            parts.append(_Part(self.layer, self.is_sparse, self.values[nodes], self.path[nodes], crossings))
            start = end
        return parts


class Walk:
    """Depth-first over the parts of node lists, so that at most one list a layer is in memory.

    Args:
        network: one network (M = 1) with piecewise linear units and a hidden layer.
        counts: [paths] int64, to which crossings are added.
        cap: most numbers in a tensor [nodes, width] before its nodes are cut.
    """

    def __init__(self, network: StackedNetwork, counts: Tensor, cap: int) -> None:
        self.network = network
        self.counts = counts
        self.cap = cap
        self.kinks = KINKS[network.nonlinearity]
        # W^T of each layer, rows to be gathered; None where a weight is 0: a unit all of whose other inputs are dead
        # is then 0 to the last bit, which only the product itself finds.
        self.rows = [
            weight[0].T.contiguous() if bool((weight != 0).all()) else None for weight in network.weights[1:-1]
        ]
        self.parts: list[_Part] = []

    def down(self, z: Tensor, path: Tensor) -> None:
        """Count all crossings of the nodes z, [R, h1] at the first hidden layer, and of the layers after it."""
        self._count(0, z, path)
        while self.parts:
            part = self.parts.pop()
            if part.is_sparse:
                z, path = self._insert_after(part)
            else:
                z, path = _insert(part)
                z = linear(self.network, part.layer + 1, activation(self.network.nonlinearity, z))
            self._count(part.layer + 1, z, path)

    def _count(self, layer: int, z: Tensor, path: Tensor) -> None:
        """Add the crossings on the edges between the nodes, and lay up the parts for the next layer."""
        seams = _true_places(path[1:] != path[:-1])  # where one path's last node meets the next one's first
        crossed = [_changes(z, kink, seams) for kink in self.kinks]
        if layer == len(self.network.weights) - 2:
            ends = [0, *(seams + 1).tolist(), len(path)]
            for first, end in itertools.pairwise(ends):
                self.counts[path[first]] += sum(_how_many(one[first : end - 1]) for one in crossed)
            return
        crossings = self._crossings(z, [_true_places(one.view(-1)) for one in crossed], seams)
        self.counts += torch.bincount(path[crossings.edge], minlength=len(self.counts))
        width, widths = z.shape[1], self.network.sizes
        pairs = int(torch.bincount(crossings.edge).square().sum())
        is_sparse = self.rows[layer] is not None and pairs * PRODUCTS_A_PAIR < len(crossings.edge) * width
        if is_sparse:
            z = linear(self.network, layer + 1, activation(self.network.nonlinearity, z))
        part = _Part(layer, is_sparse, z, path, crossings)
        self.parts.extend(part.cut(max(2, self.cap // max(width, widths[layer + 2]))))

    def _crossings(self, z: Tensor, found: list[Tensor], seams: Tensor) -> _Crossings:
        """Crossings at places of the flat [R - 1, h] tables `found`, one a kink, in order along the chains."""
        width = z.shape[1]
        place = torch.cat(found)
        kink = torch.cat([z.new_full((len(f),), value) for f, value in zip(found, self.kinks, strict=True)])
        flat = z.reshape(-1)
        start, step = flat[place], flat[place + width]
        step -= start
        fraction = (kink - start) / step
        edge = torch.div(place, width, rounding_mode="floor")
        unit = place - edge * width
        # Below 1, so that a crossing at the edge's end does not sort behind those of the next edge.
        order = _sorted_order(edge + fraction.double().clamp(0.0, 1.0 - 2.0**-20))
        edge, kink, step = edge[order], kink[order], step[order]
        is_lower = kink == self.kinks[0]
        return _Crossings(
            edge,
            unit[order],
            kink,
            fraction[order],
            torch.where(is_lower, step.abs(), -step.abs()),
            self._live(z, edge, torch.where(is_lower, step.sign(), torch.zeros_like(step)), seams),
        )

    def _live(self, z: Tensor, edge: Tensor, turns: Tensor, seams: Tensor) -> Tensor | None:
        """Units above 0 at each crossing, the crossing one left out; `turns` is 1 where one comes to life, -1 dies."""
        if self.kinks[0] != 0.0:
            return None
        heads = torch.cat([seams.new_zeros(1), seams + 1])  # the first node of each chain
        turned = torch.cat([turns.new_zeros(1, dtype=torch.int64), turns.long().cumsum(0)])
        chain = torch.bucketize(edge, heads, right=True) - 1
        at_head = torch.count_nonzero(z[heads] > 0.0, dim=1) - turned[torch.searchsorted(edge, heads)]
        return at_head[chain] + torch.minimum(turned[:-1], turned[1:])

    def _insert_after(self, part: _Part) -> tuple[Tensor, Tensor]:
        """z of the layer after the part's and path at the old nodes and the crossings together, the sparse way."""
        crossings, rows = part.crossings, self.rows[part.layer]
        assert rows is not None
        n_nodes, edge, t = len(part.path), crossings.edge, crossings.fraction
        on_edge = torch.bincount(edge, minlength=n_nodes)  # [R]
        first = torch.cumsum(on_edge, 0) - on_edge
        mates = on_edge[edge]  # crossings on the same edge, this one among them, [E]
        pair = torch.repeat_interleave(torch.arange(len(edge), device=edge.device), mates)  # [P]
        rank = torch.arange(len(pair), device=edge.device) - (torch.cumsum(mates, 0) - mates)[pair]
        mate = first[edge][pair] + rank
        here, there = t[pair], t[mate]
        bent = -crossings.bend[mate] * torch.minimum(here, there) * (1.0 - torch.maximum(here, there))

        # A bag a node: an old node is itself; a crossing is both ends of its edge and the bends on it.
        source = torch.repeat_interleave(torch.arange(n_nodes, device=edge.device), on_edge + 1)  # [R']
        place = edge + torch.arange(1, len(edge) + 1, device=edge.device)
        sizes = torch.ones_like(source).index_put_((place,), mates + 2)
        offset = torch.cumsum(sizes, 0) - sizes
        at = offset[place]
        entries = torch.empty(n_nodes + 2 * len(edge) + len(pair), dtype=torch.int64, device=edge.device)
        weights = torch.ones(len(entries), dtype=rows.dtype, device=edge.device)
        entries[offset] = source
        weights[at] = 1.0 - t
        entries[at + 1] = edge + 1
        weights[at + 1] = t
        bends = at[pair] + 2 + rank
        entries[bends] = n_nodes + crossings.unit[mate]
        weights[bends] = bent
        table = torch.cat([part.values, rows])
        z = torch.nn.functional.embedding_bag(entries, table, offset, mode="sum", per_sample_weights=weights)
        if crossings.live is not None:
            dead = place[crossings.live == 0]
            # Nothing comes in: exactly the bias, where the sums above leave a trickle that has a sign.
            biases = self.network.biases
            z[dead] = 0.0 if biases is None else biases[part.layer + 1][0]
        return z, part.path[source]


def _insert(part: _Part) -> tuple[Tensor, Tensor]:
    """z of the part's own layer and path at the old nodes and the crossings together, in order along the chains."""
    crossings, (n_nodes, width) = part.crossings, part.values.shape
    edge = crossings.edge
    # A node is followed by the crossings of its edge: all of them start from its z.
    source = torch.repeat_interleave(
        torch.arange(n_nodes, device=edge.device), torch.bincount(edge, minlength=n_nodes) + 1
    )  # [R']
    place = edge + torch.arange(1, len(edge) + 1, device=edge.device)
    weight = torch.zeros(len(source), dtype=part.values.dtype, device=edge.device)
    weight.index_put_((place,), crossings.fraction)
    ends = torch.stack([source, (source + 1).clamp_max(n_nodes - 1)], dim=1)
    # (1 - w) z[i] + w z[i + 1], gathered and summed in one pass: three times faster than two gathers and a lerp.
    z = torch.nn.functional.embedding_bag(
        ends, part.values, mode="sum", per_sample_weights=torch.stack([1.0 - weight, weight], dim=1)
    )
    # On its kink exactly, or rounding would leave a trickle behind it on which deeper units seem to move.
    z.view(-1).index_put_((place * width + crossings.unit,), crossings.kink)
    return z, part.path[source]


def linear(network: StackedNetwork, layer: int, h: Tensor) -> Tensor:
    """W h + b of one layer of one network (M = 1), [..., fan_out]."""
    bias = None if network.biases is None else network.biases[layer][0]
    return torch.nn.functional.linear(h, network.weights[layer][0], bias)


def _changes(z: Tensor, kink: float, seams: Tensor) -> Tensor:
    """Where the codes z > kink of neighbouring rows of [R, h] differ, [R - 1, h] bool; nowhere at the seams.

    By numpy on the CPU, whose comparison of float32 takes a sixth of torch's time (2.13).
    """
    if z.device.type == "cpu":
        code = z.numpy() > np.array(kink, dtype=z.numpy().dtype)
        crossed = torch.from_numpy(code[1:] != code[:-1])
    else:
        crossed = (z[1:] > kink) != (z[:-1] > kink)
    crossed[seams] = False
    return crossed


def _how_many(mask: Tensor) -> int | Tensor:
    """How many are true; by numpy on the CPU, five times faster than torch (2.13)."""
    return int(np.count_nonzero(mask.numpy())) if mask.device.type == "cpu" else torch.count_nonzero(mask)


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
