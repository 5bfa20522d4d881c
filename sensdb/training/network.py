"""The stacked network: M fully connected networks of one shape as one set of tensors, and its nonlinearities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sensdb.errors import ShapeError

KINKS: dict[str, tuple[float, ...]] = {
    "relu": (0.0,),
    "relu6": (0.0, 6.0),
    "tanh": (0.0,),
    "hard_tanh": (-1.0, 1.0),
    "hard_sigmoid": (-0.5, 0.5),
}
"""Where the code of a neuron changes (paper.md 1.4): the number of kinks below z is the neuron's code."""


def activation(name: str, z: Tensor) -> Tensor:
    """The nonlinearity `name` at pre-activations z, elementwise; a new tensor.

    hard_sigmoid is the paper's, min(max(z + 1/2, 0), 1) with slope 1 (paper.md 1.4), not torch's of slope 1/6.
    NaN stays NaN.
    """
    if name == "relu":
        return torch.relu(z)
    if name == "tanh":
        return torch.tanh(z)
    if name == "hard_sigmoid":
        return torch.clamp(z + 0.5, 0.0, 1.0)
    low, high = KINKS[name]
    return torch.clamp(z, low, high)


def activation_slope(name: str, z: Tensor) -> Tensor:
    """The derivative of `activation` at z, elementwise, in z's dtype: 1 or 0 but for tanh, 1 - tanh(z)^2.

    Exactly on a kink the slope is 0, as the training step and torch's autograd have it for relu, relu6 and
    hard_tanh. NaN counts as a flat piece: the activation itself carries the NaN on.
    """
    if name == "tanh":
        return 1.0 - torch.tanh(z).square_()
    kinks = KINKS[name]
    inside = z > kinks[0]
    if len(kinks) == 2:
        inside &= z < kinks[1]
    return inside.to(z.dtype)


def stacked_product(a: Tensor, b: Tensor) -> Tensor:
    """Matrix products [M, B, n] x [M, n, m] -> [M, B, m] whose bits do not depend on M.

    One product a model, never one wide product over all. MKL takes another route for a single product with one row
    or one column (a matrix-vector product, rounded differently; 65 of 294 shapes tried differed from the same product
    in a batch of 2 to 16, and none with both above 1), so such a one is computed as a batch of two.
    """
    if a.shape[0] == 1 and 1 in (a.shape[1], b.shape[2]):
        return torch.bmm(a.expand(2, -1, -1), b.expand(2, -1, -1))[:1]
    return torch.bmm(a, b)


@dataclass(frozen=True)
class StackedNetwork:
    """M bias-free or biased fully connected networks of one shape and nonlinearity.

    Layer l maps [M, B, fan_in] to [M, B, fan_out]; the nonlinearity follows every layer but the last, whose
    outputs are the logits.

    Attributes:
        weights: one tensor a layer, [M, fan_out, fan_in]; views with any strides will do.
        biases: one tensor a layer, [M, fan_out]; None for networks without biases.
        nonlinearity: a name of `KINKS`.
    """

    weights: list[Tensor]
    biases: list[Tensor] | None
    nonlinearity: str

    def __post_init__(self) -> None:
        n_models, outputs = self.weights[0].shape[0], self.weights[0].shape[2]
        for layer, weight in enumerate(self.weights):
            if weight.shape[0] != n_models or weight.shape[2] != outputs:
                raise ShapeError(
                    f"weights.{layer} is {list(weight.shape)}, not [{n_models}, fan_out, {outputs}].",
                    "each weight is [models, fan_out, fan_in], and fan_in is the fan_out before it.",
                )
            outputs = weight.shape[1]

    @property
    def n_models(self) -> int:
        """M, the number of networks in the stack."""
        return self.weights[0].shape[0]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Layer sizes, inputs first and classes last: (d, h1, ..., C)."""
        return (self.weights[0].shape[2], *(weight.shape[1] for weight in self.weights))

    def forward(self, x: Tensor) -> Tensor:
        """Logits at x.

        Args:
            x: standardised inputs in the weights' dtype, [B, d] shared by all models or [M, B, d].

        Returns:
            [M, B, C].

        Raises:
            ShapeError: the last axis of x is not the networks' input size.
        """
        return self.preactivations(x)[-1]

    def preactivations(self, x: Tensor) -> list[Tensor]:
        """Pre-activations of every layer at x, the logits last: [M, B, h1], ..., [M, B, C]; x as in `forward`."""
        if x.shape[-1] != self.sizes[0]:
            raise ShapeError(
                f"inputs of size {x.shape[-1]} for networks of input size {self.sizes[0]} ({self.n_models} models).",
                "the data set, its crop and the networks must belong together.",
            )
        h = x.expand(self.n_models, -1, -1)  # [M, B, d]
        z: list[Tensor] = []
        for layer, weight in enumerate(self.weights):
            if z:
                h = activation(self.nonlinearity, z[-1])
            product = stacked_product(h, weight.mT)  # [M, B, fan_out]
            z.append(product if self.biases is None else product.add_(self.biases[layer].unsqueeze(1)))
        return z

    def select(self, model: int) -> StackedNetwork:
        """Network `model` (0 .. M - 1) alone, a stack of M = 1 whose tensors share memory with this one."""
        one = slice(model, model + 1)
        biases = None if self.biases is None else [bias[one] for bias in self.biases]
        return StackedNetwork([weight[one] for weight in self.weights], biases, self.nonlinearity)

    @staticmethod
    def stack(networks: Sequence[StackedNetwork]) -> StackedNetwork:
        """Networks of one shape and nonlinearity as one stack, in the order given; copies.

        Raises:
            ShapeError: sizes, nonlinearity or the presence of biases differ.
        """
        first = networks[0]
        for other in networks[1:]:
            if other._kind() != first._kind():
                raise ShapeError(
                    f"cannot stack networks {first._kind()} and {other._kind()}.",
                    "a stack has one shape, one nonlinearity, and biases in all or none.",
                )
        weights = [torch.cat(layer) for layer in zip(*(network.weights for network in networks), strict=True)]
        biases = None
        if first.biases is not None:
            biases = [torch.cat(layer) for layer in zip(*(network.biases or [] for network in networks), strict=True)]
        return StackedNetwork(weights, biases, first.nonlinearity)

    def _kind(self) -> str:
        with_biases = "" if self.biases is None else " with biases"
        return f"{'-'.join(map(str, self.sizes))} {self.nonlinearity}{with_biases}"
