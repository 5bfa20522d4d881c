"""The steps ahead of a pack, laid out so that a step needs no Python beyond its kernel calls."""

from __future__ import annotations

import torch
from torch import Tensor

from sensdb.training.augment import Augmentation
from sensdb.training.optimizers import Optimizer
from sensdb.training.pack import Pack, Targets
from sensdb.training.slots import Model

_STEPS = 64
# Batch rows of all models and steps of a window, at most, where batches are large.
_ROWS = 1 << 20


class Window:
    """What the next K steps of M models take: points, labels, learning rates; and what they leave: losses.

    Attributes:
        length: K. Which K changes no result.
        rows: int64 [K, M, B], points of the minibatches; None for a full batch, whose order is fixed.
        targets: of K steps, or of one where the batch is full.
        variants: int64 [K, M, B], rows of the augmentation's table; None without augmentation.
        coefficients: the optimizer's, each [K, M, 1].
        sums: [K, M], each step's loss as `losses.loss_gradient` leaves it.
    """

    def __init__(self, pack: Pack, optimizer: Optimizer, augmentation: Augmentation | None) -> None:
        full_batch, n_models = pack.spec.full_batch, pack.n_rows
        like = pack.data.rows
        self.length = _STEPS
        if not full_batch or augmentation is not None:
            self.length = max(1, min(_STEPS, _ROWS // (n_models * pack.batch)))
        self._optimizer, self._augmentation = optimizer, augmentation

        def integers() -> Tensor:
            return torch.zeros(self.length, n_models, pack.batch, dtype=torch.int64, device=like.device)

        self.rows = None if full_batch else integers()
        self.targets = Targets(pack, 1 if full_batch else self.length)
        self.variants = None if augmentation is None else integers()
        self.coefficients = [like.new_zeros(self.length, n_models, 1) for _ in range(optimizer.n_coefficients)]
        self.sums = like.new_zeros(self.length, n_models)

    def enter(self, row: int, model: Model, start: int) -> None:
        """Make a row a model's, whose next step is at position `start`."""
        self.sums[:, row] = 0.0
        if self.rows is None:
            self.targets.fill(row, model.labels, 0)
        # At the window's end nothing lies ahead until it turns, which fills every row.
        if start < self.length:
            self.fill(row, model, start)

    def fill(self, row: int, model: Model, start: int) -> None:
        """Lay out the model's next steps in this row, from position `start` of the window on."""
        n_steps = self.length - start
        if self.rows is not None and model.shuffle is not None:
            batches = model.shuffle.batches(model.steps, n_steps)  # [k, B]
            self.rows[start:, row] = batches
            self.targets.fill(row, model.labels[batches], start)
        steps = torch.arange(model.steps, model.steps + n_steps)
        if self._augmentation is not None and self.variants is not None:
            self.variants[start:, row] = self._augmentation.variants(
                model.spec.seed, steps.to(self.variants.device), self.variants.shape[2]
            )
        coefficients = self._optimizer.coefficients(model.rates(n_steps), steps + 1)
        for ahead, coefficient in zip(self.coefficients, coefficients, strict=True):
            ahead[start:, row, 0] = coefficient

    def move(self, source: int, target: int) -> None:
        """Copy what lies ahead of one row over another row."""
        for ahead in (self.rows, self.variants, *self.coefficients, self.sums):
            if ahead is not None:
                ahead[:, target] = ahead[:, source]
        self.targets.move(source, target)
