"""Transitions: how often the activation code changes along a closed path of wrapped horizontal shifts of an image.

The path of x is the polygon x = x_0, x_1, ..., x_{S-1}, x_0 whose vertices are x shifted by whole pixels (S = image
width), all channels together (paper.md 1.5). A hidden unit has a transition wherever its pre-activation z crosses a
kink; its code is the number of kinks strictly below z. Counts are even, in crossings, and add over units and kinks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sensdb.errors import ShapeError
from sensdb.measurement.crossings import Walk, linear
from sensdb.training.network import KINKS, StackedNetwork, activation

# Numbers a tensor [nodes, width] may have before the path is cut: fits a core's cache, and bounds the memory at
# NODE_ELEMENTS numbers a hidden layer.
NODE_ELEMENTS = 2**19


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
    """Count transitions, in crossings, along closed polygons, layer by layer (paper.md 1.4, measurement.md 2.2).

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
    walk = Walk(network, counts, cap)
    n_vertices = vertices.shape[1]
    paths = max(1, cap // ((n_vertices + 1) * network.sizes[1]))
    for start in range(0, len(vertices), paths):
        z = linear(network, 0, vertices[start : start + paths])  # [P, S, h1]
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
        corner = linear(network, 0, vertices[start : start + paths]).unsqueeze(2)  # [P, S, 1, h1]
        step = corner.roll(-1, dims=1) - corner
        z = (corner + fraction * step).flatten(1, 2)  # [P, k, h1]
        for layer in range(hidden):
            if layer:
                z = linear(network, layer, activation(network.nonlinearity, z))
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
