"""SGD, momentum, Adam and RMSProp on a stack of models, each with its own learning rate and step count.

On one kind of device every optimizer is one fixed sequence of elementwise operations, whatever the pack and its tiling.
What depends on the step alone (the learning rate, Adam's bias corrections) comes as a coefficient a model and step,
prepared ahead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial

import torch
from torch import Tensor

from sensdb.training.layout import Parameters

BETA1, BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8
RMSPROP_DECAY, RMSPROP_EPSILON = 0.9, 1e-8

# Numbers an elementwise pass works on before the next pass: five tensors of this length stay in a cache of 1 MiB.
TILE = 32768

# A block's update; takes the step's coefficients, one tensor [M, 1] each.
Update = Callable[[Sequence[Tensor]], object]


class Optimizer(ABC):
    """One optimizer family.

    Attributes:
        kept: share of its accumulator that a step's gradient is added to: mu for momentum, whose velocity is
            accumulated inside the matrix product (v = mu v + h^T dz), 0 for the others.
        gradient_is_state: whether the accumulator is the first state; else it is scratch.
        n_states: tensors of the parameters' shape that belong to a model and travel with it.
        n_coefficients: numbers a model and step, from `coefficients`.
    """

    kept = 0.0
    gradient_is_state = False
    n_states = 0
    n_coefficients = 1

    @abstractmethod
    def coefficients(self, rate: Tensor, step: Tensor) -> list[Tensor]:
        """Coefficients of steps ahead, by learning rate (float64 [k, M]) and step number from 1 on (int64 [k, M])."""

    @abstractmethod
    def updates(self, parameters: Parameters, gradient: Parameters, states: Sequence[Parameters]) -> list[Update]:
        """One prepared update a block of the parameters; `gradient` holds the mean gradient or, for momentum, v."""


class GradientDescent(Optimizer):
    """SGD, w -= lr g, and with momentum v = mu v + g, w -= lr v (torch's form, without dampening)."""

    def __init__(self, momentum: float | None = None) -> None:
        self.kept = momentum or 0.0
        self.gradient_is_state = momentum is not None
        self.n_states = 0 if momentum is None else 1

    def coefficients(self, rate: Tensor, step: Tensor) -> list[Tensor]:
        """-lr."""
        return [-rate]

    def updates(self, parameters: Parameters, gradient: Parameters, states: Sequence[Parameters]) -> list[Update]:
        """w += (-lr) v, one pass."""
        return [partial(_descend, w, v) for w, v in zip(parameters.blocks, gradient.blocks, strict=True)]


def _descend(w: Tensor, v: Tensor, coefficients: Sequence[Tensor]) -> None:
    w.addcmul_(v, coefficients[0])


class _AdaptiveOptimizer(Optimizer):
    """Steps of a gradient over the root of its mean square: w -= n / (sqrt(s) a + b), with coefficients a and b.

    Folding learning rate and bias corrections into a and b leaves four passes after the states are taken up.
    """

    n_coefficients = 2

    @abstractmethod
    def accumulate(self, g: Tensor, states: Sequence[Tensor]) -> Tensor:
        """Take a gradient up into the states, the mean square last; the numerator n."""

    def updates(self, parameters: Parameters, gradient: Parameters, states: Sequence[Parameters]) -> list[Update]:
        """Prepared tile by tile, so that a large block's passes find it in the cache; on a GPU in one piece."""
        first = parameters.blocks[0]
        tile = TILE if first.is_cpu else max(block.numel() for block in parameters.blocks)
        scratch = torch.empty(tile, dtype=first.dtype, device=first.device)
        prepared: list[Update] = []
        for block, (w, g) in enumerate(zip(parameters.blocks, gradient.blocks, strict=True)):
            tiles = []
            for rows, columns in _tiles(w.shape[0], w.shape[1], tile):
                parts = [tensor[rows, columns] for tensor in (w, g, *(state.blocks[block] for state in states))]
                tiles.append((rows, parts, scratch[: parts[0].numel()].view(parts[0].shape)))
            prepared.append(partial(self._descend, tiles))
        return prepared

    def _descend(self, tiles: list[tuple[slice, list[Tensor], Tensor]], coefficients: Sequence[Tensor]) -> None:
        scale, floor = coefficients
        for rows, (w, g, *states), root in tiles:
            numerator = self.accumulate(g, states)
            # Two passes: one addcmul over two broadcast operands is not vectorised and takes three times as long.
            torch.sqrt(states[-1], out=root).mul_(scale[rows]).add_(floor[rows])
            w.addcdiv_(numerator, root, value=-1.0)


class Adam(_AdaptiveOptimizer):
    """Adam: means m of g and s of g^2; w -= lr m / c1 / (sqrt(s / c2) + epsilon), c_i = 1 - beta_i^step.

    Elementwise over the whole stack: the form for GPUs, where a call costs more than it saves on the host.
    """

    n_states = 2

    def coefficients(self, rate: Tensor, step: Tensor) -> list[Tensor]:
        """a = c1 / (lr sqrt(c2)), b = epsilon c1 / lr."""
        c1, c2 = (table[step.clamp(max=len(table) - 1)] for table in _bias_corrections())
        per_rate = c1 / rate
        return [per_rate / c2.sqrt(), per_rate * ADAM_EPSILON]

    def accumulate(self, g: Tensor, states: Sequence[Tensor]) -> Tensor:
        """m and s, as torch.optim.Adam takes them up."""
        mean, square = states
        mean.lerp_(g, 1.0 - BETA1)
        square.mul_(BETA2).addcmul_(g, g, value=1.0 - BETA2)
        return mean


class FusedAdam(Optimizer):
    """Adam on the host, by torch's kernel that does all of an update in one pass over a model's block.

    Measured beside the seven passes of `Adam`: 784-100x3-10 820 us to 170 us for 3 models, 3072-100x3-10 860 us to
    170 us for one. The kernel takes one learning rate a call, so models of one rate share a call. It rounds
    otherwise than `Adam`, but alike for all models: blocks are whole vectors long and lie aligned (layout.py).
    """

    n_states = 2
    n_coefficients = 2

    def coefficients(self, rate: Tensor, step: Tensor) -> list[Tensor]:
        """lr, and the number of the step: exact in float32, since max_steps is 2^24 at most."""
        return [rate, step.to(torch.float64)]

    def updates(self, parameters: Parameters, gradient: Parameters, states: Sequence[Parameters]) -> list[Update]:
        """One kernel call a block and learning rate."""
        blocks = zip(parameters.blocks, gradient.blocks, *(state.blocks for state in states), strict=True)
        return [_FusedBlock(*block) for block in blocks]


class _FusedBlock:
    """The prepared FusedAdam update of one block [M, P]."""

    def __init__(self, *tensors: Tensor) -> None:
        self._tensors = [list(tensor) for tensor in tensors]  # w, g, m and s of each model, [P] each
        self._step = torch.empty(len(tensors[0]), dtype=torch.float64)
        self._steps = list(self._step)
        self._rates: list[float] = []
        self._groups: list[tuple[float, list[list[Tensor]]]] = []

    def __call__(self, coefficients: Sequence[Tensor]) -> None:
        rates = coefficients[0][:, 0].tolist()
        self._step.copy_(coefficients[1][:, 0])
        if rates != self._rates:
            self._group(rates)
        for rate, (w, g, mean, square, steps) in self._groups:
            torch._fused_adam_(
                w, g, mean, square, [], steps, lr=rate, beta1=BETA1, beta2=BETA2, weight_decay=0.0, eps=ADAM_EPSILON,
                amsgrad=False, maximize=False,
            )  # fmt: skip

    def _group(self, rates: list[float]) -> None:
        members: dict[float, list[int]] = {}
        for model, rate in enumerate(rates):
            members.setdefault(rate, []).append(model)
        of_each = [*self._tensors, self._steps]
        self._groups = [(rate, [[each[m] for m in models] for each in of_each]) for rate, models in members.items()]
        self._rates = rates


class RMSProp(_AdaptiveOptimizer):
    """RMSProp: mean s of g^2, decay 0.9; w -= lr g / (sqrt(s) + epsilon)."""

    n_states = 1

    def coefficients(self, rate: Tensor, step: Tensor) -> list[Tensor]:
        """a = 1 / lr, b = epsilon / lr."""
        inverse = 1.0 / rate
        return [inverse, inverse * RMSPROP_EPSILON]

    def accumulate(self, g: Tensor, states: Sequence[Tensor]) -> Tensor:
        """s, as torch.optim.RMSprop takes it up with alpha = 0.9."""
        (square,) = states
        square.mul_(RMSPROP_DECAY).addcmul_(g, g, value=1.0 - RMSPROP_DECAY)
        return g


def make_optimizer(name: str, momentum: float | None, device: str | torch.device = "cpu") -> Optimizer:
    """The optimizer of a spec (sgd, momentum, adam or rmsprop), as it is computed on a device."""
    if name == "momentum":
        return GradientDescent(momentum)
    if name == "adam":
        return FusedAdam() if torch.device(device).type == "cpu" else Adam()
    if name == "rmsprop":
        return RMSProp()
    return GradientDescent()


@lru_cache(maxsize=1)
def _bias_corrections() -> tuple[Tensor, Tensor]:
    """1 - beta1^t and 1 - beta2^t for t = 0 .. 2^16 - 1, float64; both are 1 from t = 37 500 on.

    A table, because pow over a vector need not round as pow of one number does.
    """
    steps = range(1 << 16)
    return (
        torch.tensor([1.0 - BETA1**t for t in steps], dtype=torch.float64),
        torch.tensor([1.0 - BETA2**t for t in steps], dtype=torch.float64),
    )


def _tiles(n_models: int, size: int, tile: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns that cover [n_models, size] in parts of at most `tile` numbers: whole models or parts of one."""
    if size > tile:
        for row in range(n_models):
            for column in range(0, size, tile):
                yield slice(row, row + 1), slice(column, min(column + tile, size))
        return
    rows = tile // size
    for row in range(0, n_models, rows):
        yield slice(row, min(row + rows, n_models)), slice(0, size)
