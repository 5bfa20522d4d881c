"""The steps ahead of a pack, laid out so that a step needs no Python beyond its kernel calls."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sensdb.training.augment import Augmentation
from sensdb.training.optimizers import Optimizer
from sensdb.training.slots import Model

_STEPS = 64
# Batch rows of all models and steps of a window, at most, where batches are large.
_ROWS = 1 << 20


class Window:
    """What the next K steps of M models take: points, labels, learning rates; and what they leave: losses.

    Args:
        n_models: M.
        chunks: parts of a batch of B points; a minibatch is one part.
        columns: for each chunk, the logits' columns B' (propagation.Propagation.n_columns).
        full_batch: all B training points in fixed order, so that labels are the same at every step.

    Attributes:
        length: K. Which K changes no result.
        rows: int64 [K, M, B], points of the minibatches; None for a full batch.
        targets: for each chunk, int64 [K or 1, M, b]: where in the flat logits [M, C, B'] each true class stands.
        variants: int64 [K, M, B], rows of the augmentation's table; None without augmentation.
        coefficients: the optimizer's, each [K, M, 1].
        sums: [K, M], each step's loss as `losses.loss_gradient` leaves it.
    """

    def __init__(
        self,
        n_models: int,
        chunks: Sequence[slice],
        columns: Sequence[int],
        n_classes: int,
        optimizer: Optimizer,
        augmentation: Augmentation | None,
        *,
        full_batch: bool,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        n_rows = chunks[-1].stop
        laid_out = not full_batch or augmentation is not None
        self.length = max(1, min(_STEPS, _ROWS // (n_models * n_rows))) if laid_out else _STEPS
        self._chunks, self._columns = chunks, columns
        self._optimizer, self._augmentation = optimizer, augmentation
        self._stride = [n_classes * column for column in columns]  # logits a model

        def integers(n_steps: int, n_rows: int) -> Tensor:
            return torch.zeros(n_steps, n_models, n_rows, dtype=torch.int64, device=device)

        self.rows = None if full_batch else integers(self.length, n_rows)
        self.targets = [integers(1 if full_batch else self.length, part.stop - part.start) for part in chunks]
        # Rows without a model are computed too now and then, and must point into their own logits.
        for targets, stride in zip(self.targets, self._stride, strict=True):
            targets += (torch.arange(n_models, device=device) * stride)[:, None]
        self.variants = None if augmentation is None else integers(self.length, n_rows)
        self.coefficients = [
            torch.zeros(self.length, n_models, 1, dtype=dtype, device=device) for _ in range(optimizer.n_coefficients)
        ]
        self.sums = torch.zeros(self.length, n_models, dtype=dtype, device=device)

    def fill(self, row: int, model: Model, start: int) -> None:
        """Lay out the model's next steps in this row, from position `start` of the window on."""
        n_steps = self.length - start
        labels = model.labels
        if model.shuffle is not None and self.rows is not None:
            batches = model.shuffle.batches(model.steps, n_steps)  # [k, B]
            self.rows[start:, row] = batches
            labels = labels[batches]
        if model.shuffle is not None or model.steps == 0:
            for part, targets, columns, stride in zip(
                self._chunks, self.targets, self._columns, self._stride, strict=True
            ):
                places = torch.arange(part.stop - part.start, device=targets.device) + row * stride
                targets[start if model.shuffle is not None else 0 :, row] = labels[..., part] * columns + places
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
        for targets, stride in zip(self.targets, self._stride, strict=True):
            targets[:, target] = targets[:, source] + (target - source) * stride
