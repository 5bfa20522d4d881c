"""Linear pieces of a network along two coordinates: cos t and sin t on an ellipse, or the two axes of a plane.

Where the codes of all units before it are fixed, a unit's pre-activation is z = A a + B b + C in the coordinates
(a, b). A tensor of such maps is [R, 3, h]: for each of R pieces the rows A, B and C of h units.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from sensdb.errors import ShapeError
from sensdb.training.network import KINKS, StackedNetwork, activation


def exact_copy(network: StackedNetwork, device: torch.device) -> StackedNetwork:
    """One network (M = 1) in float64 on a device, for geometry: pieces a millionth wide must be told apart.

    Raises:
        ShapeError: more than one network.
    """
    if network.n_models != 1:
        raise ShapeError(f"pieces are those of one network, not {network.n_models}.", "use select(model) first.")
    biases = None if network.biases is None else [bias.to(device, torch.float64) for bias in network.biases]
    return StackedNetwork(
        [weight.to(device, torch.float64) for weight in network.weights], biases, network.nonlinearity
    )


def layer_maps(network: StackedNetwork, layer: int, before: Tensor) -> Tensor:
    """Maps of z at a layer, [R, 3, h], from maps of what enters it, [R, 3, n]: linear, the bias added to C.

    Raises:
        ShapeError: n is not the layer's input size.
    """
    weight = network.weights[layer][0]
    if before.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"inputs of size {before.shape[-1]} for a layer of input size {weight.shape[1]}.",
            "the data set, its crop and the network must belong together.",
        )
    maps = linear(before, weight)
    if network.biases is not None:
        maps[:, 2] += network.biases[layer][0]
    return maps


def values(maps: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """z = A a + B b + C, [R, h], of each piece at a point of its own, a and b [R]."""
    return torch.addcmul(torch.addcmul(maps[:, 2], maps[:, 0], a[:, None]), maps[:, 1], b[:, None])


def codes(nonlinearity: str, z: Tensor) -> Tensor:
    """The number of kinks strictly below z, elementwise, int8 (paper.md 1.4)."""
    code = torch.zeros(z.shape, dtype=torch.int8, device=z.device)
    for kink in KINKS[nonlinearity]:
        code += z > kink
    return code


def activated(nonlinearity: str, maps: Tensor, code: Tensor) -> Tensor:
    """Maps of phi(z) on pieces where the units' codes are `code`, [R, h]: (A, B, C) -> (s A, s B, s C + o).

    s and o are slope and offset of the piece: 1 and phi(0) on the middle one, which holds 0, else 0 and phi at the
    kink. Not for tanh, which has no linear pieces.
    """
    kinks = KINKS[nonlinearity]
    places = torch.tensor([kinks[0], 0.0, kinks[-1]], dtype=maps.dtype, device=maps.device)
    offset = activation(nonlinearity, places)[code.long()]  # [R, h]
    after = maps * (code == 1).unsqueeze(1)
    after[:, 2] += offset
    return after
