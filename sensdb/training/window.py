"""The steps ahead of a pack, laid out so that a step needs no Python beyond its kernel calls."""

from __future__ import annotations

from collections.abc import Sequence

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
            self.targets.fill(row, model.labels[None, None], 0)
        # At the window's end nothing lies ahead until it turns, which fills every row.
        if start < self.length:
            self.fill(row, [model], start)

    def fill(self, first_row: int, models: Sequence[Model], start: int) -> None:
        """Lay out the next steps of models in rows from first_row on, from position `start` of the window on.

        All models in one copy each way: on a GPU a call costs more than the numbers it moves.
        """
        n_steps, rows = self.length - start, slice(first_row, first_row + len(models))
        steps = torch.arange(n_steps)[:, None] + torch.tensor([model.steps for model in models])  # [k, M'], from 0 on
        if self.rows is not None:
            batches = [shuffle.batches(model.steps, n_steps) for model in models if (shuffle := model.shuffle)]
            self.rows[start:, rows] = torch.stack(batches, 1)  # [k, M', B]
            labels = [model.labels[of_steps] for model, of_steps in zip(models, batches, strict=True)]
            self.targets.fill(first_row, torch.stack(labels, 1), start)
        if self._augmentation is not None and self.variants is not None:
            seeds = torch.tensor([model.spec.seed for model in models], device=self.variants.device)
            own = steps.to(seeds.device)
            self.variants[start:, rows] = self._augmentation.variants(seeds, own, self.variants.shape[2])
        rates = torch.stack([model.rates(n_steps) for model in models], 1)
        for ahead, coefficients in zip(self.coefficients, self._optimizer.coefficients(rates, steps + 1), strict=True):
            ahead[start:, rows, 0] = coefficients.to(ahead.dtype).to(ahead.device)

    def move(self, source: int, target: int) -> None:
        """Copy what lies ahead of one row over another row."""
        for ahead in (self.rows, self.variants, *self.coefficients, self.sums):
            if ahead is not None:
                ahead[:, target] = ahead[:, source]
        self.targets.move(source, target)
