"""The exact count as measurement.md 2.2 writes it down: what `count_exact` is held and timed against."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from sensdb.training.network import KINKS, StackedNetwork, activation


@torch.no_grad()
def count_plainly(network: StackedNetwork, vertices: Tensor, *, paths_at_a_time: int = 8) -> Tensor:
    """Transitions of one network (M = 1) along closed polygons [B, S, d], [B] int64; memory is not bounded.

    Every crossing becomes a node by interpolation of its layer's z, and every node goes through the next product.
    8 paths at a time are the fastest of 1 to 32 at 784-200-200-200-10.
    """
    parts = [_count(network, part) for part in vertices.split(paths_at_a_time)]
    return torch.cat([torch.zeros(0, dtype=torch.int64), *parts])


def _layer(network: StackedNetwork, layer: int, h: Tensor) -> Tensor:
    bias = None if network.biases is None else network.biases[layer][0]
    return linear(h, network.weights[layer][0], bias)


def _count(network: StackedNetwork, vertices: Tensor) -> Tensor:
    n_paths = len(vertices)
    count = torch.zeros(n_paths, dtype=torch.int64)
    z = _layer(network, 0, vertices)
    z = torch.cat([z, z[:, :1]], dim=1)  # [P, S + 1, h]
    pid = torch.arange(n_paths).repeat_interleave(z.shape[1])
    z = z.flatten(0, 1)
    for layer in range(len(network.weights) - 1):
        same = (pid[1:] == pid[:-1])[:, None]
        found, units, fractions, kinks = [], [], [], []
        for kink in KINKS[network.nonlinearity]:
            i, k = (((z[1:] > kink) != (z[:-1] > kink)) & same).nonzero(as_tuple=True)
            found.append(i)
            units.append(k)
            fractions.append((kink - z[i, k]) / (z[i + 1, k] - z[i, k]))
            kinks.append(torch.full_like(fractions[-1], kink))
        i, k, fr, tau = torch.cat(found), torch.cat(units), torch.cat(fractions), torch.cat(kinks)
        count += torch.bincount(pid[i], minlength=n_paths)
        if layer == len(network.weights) - 2:
            break
        order = fr.argsort(stable=True)
        order = order[i[order].argsort(stable=True)]
        i, k, fr, tau = i[order], k[order], fr[order], tau[order]
        new = torch.lerp(z[i], z[i + 1], fr[:, None])
        new[torch.arange(len(i)), k] = tau
        before = torch.searchsorted(i, torch.arange(len(z)))
        after = z.new_empty(len(z) + len(i), z.shape[1])
        pid_after = pid.new_empty(len(after))
        at, at_new = torch.arange(len(z)) + before, torch.arange(len(i)) + i + 1
        after[at], after[at_new] = z, new
        pid_after[at], pid_after[at_new] = pid, pid[i]
        z, pid = _layer(network, layer + 1, activation(network.nonlinearity, after)), pid_after
    return count
