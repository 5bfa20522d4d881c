"""Resident steps: nets so small that a model's numbers stay on the chip while a GPU trains it, one program a model.

A step of the stacked form reads and writes all of a model's numbers some seven times over; here only its minibatch is
read (training-engine.md 2.1), and no other model enters its sums, so that any number of models gives the same bits.
The kernel adds up in an order of its own: its results are of another engine version (packing.RESIDENT_VERSION).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.spec import TrainingSpec, layer_sizes, n_train_points
from sensdb.training.kernels import REGISTERS, kernel_states, launch, padded
from sensdb.training.optimizers import make_optimizer

if TYPE_CHECKING:
    from sensdb.training.gradient_pack import GradientPack

MOST_NUMBERS = 36864
"""Padded parameters, states and activations of a model on the chip: over half of a multiprocessor's registers."""


def is_resident(spec: TrainingSpec, info: DatasetInfo) -> bool:
    """Whether a model's steps can be resident: a matter of its shape alone.

    Minibatches in float32, of a piecewise linear nonlinearity, trained by SGD, momentum, Adam or RMSProp, with at most
    MOST_NUMBERS numbers, each size padded to a power of two and to 16 at least.
    """
    if spec.optimizer == "lbfgs" or spec.full_batch or spec.dtype != "float32" or spec.nonlinearity == "tanh":
        return False
    return _n_numbers(spec, info) <= MOST_NUMBERS


class ResidentSteps:
    """The steps of the first n_models rows of a pack, any number of them by one launch.

    Args:
        pack: whose spec `is_resident`.

    Attributes:
        kernel: what it launches.
        constants: what the kernel is compiled for, by name.
    """

    def __init__(self, pack: GradientPack, n_models: int) -> None:
        # Triton comes with torch for GPUs alone.
        from sensdb.training.resident_kernel import train_models

        window, spec, sizes = pack.window, pack.spec, pack.sizes
        assert window.rows is not None
        self._n_models = n_models
        self.kernel = train_models
        none = window.rows  # a pointer that is not followed
        coefficients = [ahead.view(window.length, pack.n_rows) for ahead in window.coefficients]
        means, squares = kernel_states(spec.optimizer, pack.states)
        self._tensors = (
            tuple(pack.parameters.blocks),
            means,
            squares,
            window.rows,
            window.targets.parts[0],
            pack.data.rows,
            none if window.variants is None else window.variants,
            none if pack.augmentation is None else pack.augmentation.sources,
            coefficients[0],
            coefficients[-1],
            window.sums,
        )
        self._numbers = (pack.n_rows, pack.data.rows.shape[1], pack.optimizer.kept, 1.0 / pack.batch)
        warps = n_warps(spec, pack.data.info)
        wide = tuple(map(padded, sizes))
        rows, widths = zip(*_shapes(sizes, spec.biases), strict=True)
        padded_rows, padded_widths = zip(*_shapes(wide, spec.biases), strict=True)
        self.constants = {
            "ROWS": rows,
            "WIDTHS": widths,
            "PADDED_ROWS": padded_rows,
            "PADDED_WIDTHS": padded_widths,
            "LENGTHS": tuple(block.shape[1] for block in pack.parameters.blocks),
            "SIZES": sizes,
            "PADDED_SIZES": wide,
            "BATCH": pack.batch,
            "PADDED_BATCH": padded(pack.batch),
            "COLUMNS": pack.columns[0],
            "OPTIMIZER": spec.optimizer,
            "NONLINEARITY": spec.nonlinearity,
            "LOSS": spec.loss,
            "BIASES": spec.biases,
            "AUGMENTED": pack.augmentation is not None,
            "num_warps": warps,
            # Told of no limit, the assembler takes 32 for the larger shapes and leaves the rest to memory.
            "maxnreg": min(255, REGISTERS // (32 * warps)),
        }

    def advance(self, first: int, last: int) -> int:
        """Run the steps at positions `first` .. `last` - 1 of the window; their number."""
        launch(self.kernel, (self._n_models,), self._tensors[3], self.arguments(first, last - first), self.constants)
        return last - first

    def arguments(self, first: int, n_steps: int) -> tuple[Any, ...]:
        """The kernel's arguments but for its constants, for n_steps steps from position `first` on."""
        return (*self._tensors, first, n_steps, *self._numbers)


def n_warps(spec: TrainingSpec, info: DatasetInfo) -> int:
    """Warps of 32 threads that share a model: so many that its numbers take at most 64 registers a thread."""
    return max(4, min(16, padded(_n_numbers(spec, info)) // (64 * 32)))


def _n_numbers(spec: TrainingSpec, info: DatasetInfo) -> int:
    sizes = [padded(size) for size in layer_sizes(spec, info)]
    weights = sum(fan_in * fan_out for fan_in, fan_out in itertools.pairwise(sizes))
    n_states = make_optimizer(spec.optimizer, spec.momentum, "cuda").n_states
    return weights * (1 + n_states) + padded(spec.batch_rows(n_train_points(spec, info))) * sum(sizes)


def _shapes(sizes: Sequence[int], biases: bool) -> tuple[tuple[int, int], ...]:
    """Rows and columns of the blocks, in the order of `Parameters.blocks`; a bias is one row."""
    weights = tuple((fan_out, fan_in) for fan_in, fan_out in itertools.pairwise(sizes))
    return weights + tuple((1, fan_out) for fan_out in sizes[1:]) if biases else weights
