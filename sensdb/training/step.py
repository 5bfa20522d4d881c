"""One step of a pack, prepared: what loads its points, its passes forward and back, and its updates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sensdb.training.fused import fused_updates
from sensdb.training.optimizers import Update

if TYPE_CHECKING:
    from sensdb.training.gradient_pack import GradientPack

# Fills the input of one part of a batch for the step at a position of the window.
_Load = Callable[[int], None]


class Step:
    """The prepared step of a pack's first n_models rows; `run` takes a position in the window.

    Attributes:
        updates: one a block of the parameters, or with fused steps one a layer.
    """

    def __init__(self, pack: GradientPack, n_models: int) -> None:
        window = pack.window
        loaded = [_input(pack, n_models, part) for part in pack.parts]
        self._loads = [load for _, load in loaded]
        inputs, gradient = [x for x, _ in loaded], pack.gradient
        self._propagations = pack.propagations(n_models, inputs, gradient, pack.optimizer.kept)
        self.updates: Sequence[Update]
        if gradient is None:
            self.updates = fused_updates(pack, n_models, self._propagations[0].layers)
        else:
            self.updates = pack.optimizer.updates(
                pack.parameters.first(n_models),
                gradient.first(n_models),
                [state.first(n_models) for state in pack.states],
            )
        self._targets = window.targets.flat(n_models)
        self._coefficients = list(
            zip(*(ahead[:, :n_models] for ahead in window.coefficients), strict=True)
        )  # [K][n_coefficients], each [M, 1]
        self._sums = list(window.sums[:, :n_models])
        self._part_sums = torch.zeros_like(self._sums[0])

    def advance(self, first: int, last: int) -> int:
        """Run the step at `first`; 1, the number of steps."""
        self.run(first)
        return 1

    def run(self, position: int) -> None:
        """One step: forward, backward and update, the batch part by part."""
        coefficients, sums = self._coefficients[position], self._sums[position]
        last = len(self._propagations) - 1
        for part, (load, propagation, targets) in enumerate(
            zip(self._loads, self._propagations, self._targets, strict=True)
        ):
            load(position)
            propagation.forward()
            propagation.backward(
                targets[position if len(targets) > 1 else 0],
                self._part_sums if part else sums,
                self.updates if part == last else None,
                coefficients,
            )
            if part:
                sums.add_(self._part_sums)


def _input(pack: GradientPack, n_models: int, part: slice) -> tuple[Tensor, _Load]:
    """The input buffer [M, b, d] of one part of a batch, and the call that fills it for a step."""
    n_rows, d, row = part.stop - part.start, pack.sizes[0], pack.inputs.shape[1]
    data, window = pack.data, pack.window
    if window.rows is None and pack.augmentation is None:
        return data.x[part].expand(n_models, -1, -1), _nothing  # all models share the points
    flat = pack.inputs[: n_models * n_rows]  # [M * b, aligned(d)]
    x = flat.as_strided((n_models, n_rows, d), (n_rows * row, row, 1))
    gather: _Load = _nothing
    images = data.x[part].expand(n_models, -1, -1)
    if window.rows is not None:
        points = [ahead.view(-1) for ahead in window.rows[:, :n_models]]
        target = flat if pack.augmentation is None else torch.empty_like(flat)
        images = target.as_strided(x.shape, x.stride())

        def gather(position: int) -> None:
            torch.index_select(data.rows, 0, points[position], out=target)

    if pack.augmentation is None or window.variants is None:
        return x, gather
    table = pack.augmentation.sources
    variants = list(window.variants[:, :n_models, part])  # [K], each [M, b]
    sources = torch.empty(n_models * n_rows, d, dtype=torch.int64, device=x.device)

    def augment(position: int) -> None:
        gather(position)
        torch.index_select(table, 0, variants[position].reshape(-1), out=sources)
        torch.gather(images, 2, sources.view(x.shape), out=x)

    return x, augment


def _nothing(position: int) -> None:
    """A full batch lies where it is."""
