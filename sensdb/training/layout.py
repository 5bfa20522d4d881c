"""How the numbers of M models lie in memory: every block of every model on a 64-byte boundary.

A matrix product written to an address that is 8 but not 16 bytes aligned is rounded differently from the same product
elsewhere (measured in float32: 2919 of 6310 weights after 300 steps), so without this a model's bits would depend on
its place in the pack.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sensdb.training.network import StackedNetwork

ALIGNMENT = 16
"""Numbers: 64 bytes of float32, 128 of float64."""


def aligned(n: int) -> int:
    """The next multiple of ALIGNMENT from n on."""
    return -(-n // ALIGNMENT) * ALIGNMENT


def aligned_rows(rows: int, columns: int) -> int:
    """The least number of rows, `rows` or more, that makes rows * columns a multiple of ALIGNMENT."""
    step = ALIGNMENT // math.gcd(columns, ALIGNMENT)
    return -(-rows // step) * step


class Parameters:
    """Numbers shaped as the weights and biases of M models: the parameters, gradients or optimizer state of a pack.

    Attributes:
        blocks: one tensor [M, aligned size] a layer's weights, then one a layer's biases; what lies beyond a block's
            true size stays 0 in every elementwise update.
        weights: views [M, fan_out, fan_in] into the first blocks.
        biases: views [M, fan_out] into the others; None without biases.
    """

    def __init__(self, blocks: list[Tensor], sizes: Sequence[int], with_biases: bool) -> None:
        self.blocks = blocks
        self._sizes = tuple(sizes)
        self.weights = [
            # as_strided, because view() forgets the stride of an axis of length 1, and it tells how blocks lie.
            block.as_strided((block.shape[0], fan_out, fan_in), (block.stride(0), fan_in, 1))
            for block, (fan_in, fan_out) in zip(blocks, itertools.pairwise(sizes), strict=False)
        ]
        self.biases: list[Tensor] | None = None
        if with_biases:
            self.biases = [
                block[:, :fan_out] for block, fan_out in zip(blocks[len(sizes) - 1 :], sizes[1:], strict=True)
            ]

    @classmethod
    def zeros(
        cls, n_models: int, sizes: Sequence[int], with_biases: bool, dtype: torch.dtype, device: torch.device
    ) -> Parameters:
        """Zeros for n_models models of layer sizes (d, h1, ..., C); a block's models lie side by side."""
        lengths = _block_lengths(sizes, with_biases)
        blocks = [torch.zeros(n_models, length, dtype=dtype, device=device) for length in lengths]
        return cls(blocks, sizes, with_biases)

    @classmethod
    def zeros_in_rows(
        cls, n_models: int, sizes: Sequence[int], with_biases: bool, dtype: torch.dtype, device: torch.device
    ) -> tuple[Parameters, Tensor]:
        """As `zeros`, but a model's blocks lie side by side; also the whole as one tensor, [M, P and gaps of 0]."""
        lengths = _block_lengths(sizes, with_biases)
        rows = torch.zeros(n_models, sum(lengths), dtype=dtype, device=device)
        ends = list(itertools.accumulate(lengths))
        blocks = [rows[:, end - length : end] for end, length in zip(ends, lengths, strict=True)]
        return cls(blocks, sizes, with_biases), rows

    def first(self, n_models: int) -> Parameters:
        """The first n_models models, sharing memory."""
        return Parameters([block[:n_models] for block in self.blocks], self._sizes, self.biases is not None)

    def clear(self, row: int) -> None:
        """Set model `row` to 0: written, not multiplied, since NaN times 0 is NaN."""
        for block in self.blocks:
            block[row].zero_()

    def move(self, source: int, target: int) -> None:
        """Copy model `source` over model `target`."""
        for block in self.blocks:
            block[target] = block[source]

    def network(self, row: int, nonlinearity: str) -> StackedNetwork:
        """Model `row` as a network of M = 1 that shares memory."""
        one = slice(row, row + 1)
        biases = None if self.biases is None else [bias[one] for bias in self.biases]
        return StackedNetwork([weight[one] for weight in self.weights], biases, nonlinearity)


def _block_lengths(sizes: Sequence[int], with_biases: bool) -> list[int]:
    lengths = [fan_in * fan_out for fan_in, fan_out in itertools.pairwise(sizes)]
    if with_biases:
        lengths += sizes[1:]
    return [aligned(length) for length in lengths]
