"""Linear regions on a plane as a grid of pixels shows them: for networks with too many, and for tanh."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sensdb.measurement.affine import codes, exact_copy, layer_maps
from sensdb.measurement.planes import Plane
from sensdb.measurement.regions import code_keys
from sensdb.training.network import StackedNetwork, activation

PIXELS = 1024
"""Pixels a side."""

GRID_ELEMENTS = 2**22
"""Numbers in a tensor [grid points, units] at a time."""


@dataclass(frozen=True)
class Pixels:
    """Code changes between the corners of side x side pixels.

    changes: by scope, [side, side]: how many units' codes change from a pixel's first corner to the ones beside and
        below it, in steps of one code. n_codes: by scope, different codes at all corners.
    n_hidden: hidden layers of the network.
    """

    changes: dict[str, npt.NDArray[np.int32]]
    n_codes: dict[str, int]
    n_hidden: int

    def densities(self, scope: str, plane: Plane) -> tuple[float, float]:
        """Length of boundaries an area, within the discs around the three points and over the window.

        A straight boundary of length l at an angle a meets l (|cos a| + |sin a|) / h of the grid's edges, h a pixel's
        side: 4 / pi times l / h over all angles. So the length is pi / 4 h times the changes, in the mean over
        directions; what changes and changes back between two corners is lost.
        """
        changes = self.changes[scope]
        side = 2.0 * plane.half / len(changes)
        middles = (np.arange(len(changes)) + 0.5) * side - plane.half
        b, a = np.meshgrid(middles, middles, indexing="ij")
        near = np.zeros(changes.shape, dtype=bool)
        for point in plane.points:
            near |= (a - point[0]) ** 2 + (b - point[1]) ** 2 <= plane.radius**2
        mean = math.pi / 4 / side * float(changes.mean())
        return math.pi / 4 / side * float(changes[near].mean()) if near.any() else 0.0, mean


@torch.no_grad()
def slice_pixels(network: StackedNetwork, plane: Plane, *, side: int = PIXELS) -> Pixels:
    """Look at the codes of one network (M = 1) of any nonlinearity at (side + 1)^2 points of a plane's window.

    Two maps, of all hidden units and of the last hidden layer's; rows of both from the window's lower edge b = -half
    upwards, columns from a = -half on. Without hidden units no changes and one code.

    Cost: (side + 1)^2 forward passes in the network's dtype, from the first layer's three numbers a unit on.

    Raises:
        ShapeError: more than one network, or one of another input size.
    """
    device = network.weights[0].device
    dtype = network.weights[0].dtype
    first = layer_maps(exact_copy(network, device), 0, plane.maps.to(device))[0]  # [3, h1] float64
    grid = torch.linspace(-plane.half, plane.half, side + 1, dtype=torch.float64, device=device)
    hidden = network.sizes[1:-1]
    keys = [code_keys(sum(hidden)).to(device), code_keys(hidden[-1] if hidden else 0).to(device)]
    changes = [torch.zeros(side, side, dtype=torch.int32, device=device) for _ in keys]
    seen: list[list[Tensor]] = [[], []]
    rows = max(1, GRID_ELEMENTS // ((side + 1) * max(network.sizes[1:])))
    for start in range(0, side, rows):
        b = grid[start : start + rows + 1, None, None]  # the last row is the next part's first
        z = (first[0] * grid[:, None] + first[1] * b + first[2]).to(dtype)  # [rows + 1, side + 1, h1]
        key = [torch.zeros(*z.shape[:2], 2, dtype=torch.float64, device=device) for _ in keys]
        unit = 0
        for layer, width in enumerate(hidden):
            if layer:
                h = activation(network.nonlinearity, z)
                bias = None if network.biases is None else network.biases[layer][0]
                z = torch.nn.functional.linear(h, network.weights[layer][0], bias)
            code = codes(network.nonlinearity, z)
            found = _changes(code)
            changes[0][start : start + len(found)] += found
            key[0] += code.double() @ keys[0][unit : unit + width]
            unit += width
            if layer == len(hidden) - 1:
                changes[1][start : start + len(found)] += found
                key[1] += code.double() @ keys[1]
        for distinct, part in zip(seen, key, strict=True):
            distinct.append(torch.unique(part.view(-1, 2), dim=0))
    scopes = ("all", "last_hidden")
    return Pixels(
        {scope: changed.cpu().numpy() for scope, changed in zip(scopes, changes, strict=True)},  # waits for the device
        {scope: len(torch.unique(torch.cat(parts), dim=0)) for scope, parts in zip(scopes, seen, strict=True)},
        len(hidden),
    )


def _changes(code: Tensor) -> Tensor:
    """Codes [r + 1, c + 1, h] to the steps between each corner and the ones beside and below it, [r, c] int32."""
    here = code[:-1, :-1]
    beside = (code[:-1, 1:] - here).abs_().sum(dim=2, dtype=torch.int32)
    return beside.add_((code[1:, :-1] - here).abs_().sum(dim=2, dtype=torch.int32))
