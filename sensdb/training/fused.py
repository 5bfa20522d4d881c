"""Fused steps: on a GPU a layer's gradient is multiplied out and its weights are moved in one pass over memory.

A stacked step writes each gradient and reads it again, with Adam in seven passes over numbers of the weights' size;
here weights and states are read and written once (training-engine.md 2). Forward and the way back stay stacked.
The kernel adds up in an order of its own: its results are of another engine version (packing.FUSED_VERSION).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sensdb.definitions.spec import TrainingSpec
from sensdb.training.kernels import kernel_states, launch, padded

if TYPE_CHECKING:
    from sensdb.training.gradient_pack import GradientPack

# Rows and columns of a tile of weights at most: compiled, two thirds to three quarters of the instructions multiply and
# add, and it fits registers with the states (tests/benchmarks/fused.py).
_TILE = 64
_WEIGHTS_A_WARP = 512
_REGISTERS = {"sgd": 80, "momentum": 80}  # three programs a multiprocessor; two of the others, with more states


def is_fused(spec: TrainingSpec) -> bool:
    """Whether a model's steps can be fused: minibatches in float32 by SGD, momentum, Adam or RMSProp.

    A full batch's gradient is summed up over parts, and must lie in memory between them.
    """
    return spec.optimizer != "lbfgs" and not spec.full_batch and spec.dtype == "float32"


def fused_updates(pack: GradientPack, n_models: int, layers: Sequence[tuple[Tensor, Tensor]]) -> list[FusedLayer]:
    """One prepared product and update a layer, of its weights and its biases, of a pack's first n_models rows.

    Args:
        layers: for each, delta [M, fan_out, B], the gradient of the summed loss by its pre-activations, and its inputs
            [M, B, fan_in], of unit stride in the last axis (propagation.Propagation.layers).
    """
    return [FusedLayer(pack, n_models, layer, *tensors) for layer, tensors in enumerate(layers)]


class FusedLayer:
    """The prepared update of one layer; called with the step's coefficients, one tensor [M, 1] each.

    Args: as for fused_updates; `layer` counts from 0 on, delta and inputs are its own.

    Attributes:
        kernel: what it launches.
        constants: what the kernel is compiled for, by name.
    """

    def __init__(self, pack: GradientPack, n_models: int, layer: int, delta: Tensor, inputs: Tensor) -> None:
        # Triton comes with torch for GPUs alone.
        from sensdb.training.fused_kernel import update_layer

        spec = pack.spec
        self.kernel = update_layer
        blocks = pack.parameters.blocks[layer :: len(pack.sizes) - 1]  # of the weights, and of the biases
        states = kernel_states(spec.optimizer, pack.states)
        means, squares = (tuple(of_all[layer :: len(pack.sizes) - 1]) for of_all in states)
        self._tensors = (tuple(blocks), means, squares, delta, inputs)
        fan_out, fan_in = delta.shape[1], inputs.shape[2]
        self._numbers = (
            fan_out,
            fan_in,
            tuple(block.stride(0) for block in blocks),
            delta.stride(),
            inputs.stride()[:2],
            pack.optimizer.kept,
            1.0 / pack.batch,
        )
        units, columns = min(_TILE, padded(fan_out)), min(_TILE, padded(fan_in))
        self.constants = {
            "BATCH": pack.batch,
            "POINTS": 16 if 0 < pack.batch % 32 <= 16 else 32,  # so that least is padded
            "UNITS": units,
            "COLUMNS": columns,
            "OPTIMIZER": spec.optimizer,
            "BIASES": spec.biases,
            "num_warps": max(1, units * columns // _WEIGHTS_A_WARP),
            "maxnreg": _REGISTERS.get(spec.optimizer, 128),
        }
        self._grid = (-(-fan_in // columns), -(-fan_out // units), n_models)

    def __call__(self, coefficients: Sequence[Tensor]) -> None:
        launch(self.kernel, self._grid, coefficients[0], self.arguments(coefficients), self.constants)

    def arguments(self, coefficients: Sequence[Tensor]) -> tuple[Any, ...]:
        """The kernel's arguments but for its constants."""
        return (*self._tensors, coefficients[0], coefficients[-1], *self._numbers)
