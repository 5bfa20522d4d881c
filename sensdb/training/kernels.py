"""What the Triton kernels are given, and how they are launched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sensdb.training.layout import Parameters

REGISTERS = 65536
"""Of a multiprocessor."""

_LEAST = 16  # of a product's sides, in the kernels' language


def padded(n: int) -> int:
    """The least power of two that is n or more, and 16 or more.

    >>> [padded(n) for n in (1, 16, 17, 50, 64)]
    [16, 16, 32, 64, 64]
    """
    return max(_LEAST, 1 << (n - 1).bit_length())


def kernel_states(optimizer: str, states: Sequence[Parameters]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Blocks of an optimizer's states as the kernels take them: averages of gradients, and of their squares.

    The velocities of momentum count as the former; () where the optimizer has none.
    """
    blocks = [tuple(state.blocks) for state in states]
    if optimizer == "momentum":
        return blocks[0], ()
    if optimizer == "rmsprop":
        return (), blocks[0]
    return (blocks[0], blocks[1]) if blocks else ((), ())


def launch(
    kernel: Any, grid: tuple[int, ...], place: Tensor, arguments: Sequence[object], constants: Mapping[str, object]
) -> None:
    """Run a kernel on the device of the tensor `place`; on the host Triton's interpreter runs it."""
    with torch.cuda.device_of(place):  # type: ignore[no-untyped-call]  # torch gives it no types
        kernel[grid](*arguments, **constants)
