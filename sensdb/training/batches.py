"""What a model's step number says: its batch, its learning rate, and whether its training is checked.

All of it counts the model's own steps, never the pack's, so that a model may start at any time in any slot
(design.md 4.1, the rules of spec_version 1).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sensdb.training.random import permutations

# Points shuffled in one call: short epochs are prepared by the dozen, since much of the price is in the calls.
_SHUFFLED_TOGETHER = 1 << 15

LEARNING_RATE_DROP = 0.1


def check_steps(batches_an_epoch: int, max_steps: int, *, only_at_the_end: bool) -> Iterator[int]:
    """The steps after which a model is checked, in order, max_steps last.

    s_0 = E, s_(i+1) = s_i + max(E, floor(s_i / 20)), E = max(10, batches an epoch): a check is a pass over all
    training points, so the share of time spent on checks stays bounded.
    """
    first = max(10, batches_an_epoch)
    step = max_steps if only_at_the_end else first
    while step < max_steps:
        yield step
        step += max(first, step // 20)
    yield max_steps


def learning_rates(
    learning_rate: float, drop_epochs: int | None, batches_an_epoch: int, first_step: int, n_steps: int
) -> list[float]:
    """The learning rates of n_steps steps from first_step on, counted from 0: times 0.1 every drop_epochs."""
    if drop_epochs is None:
        return [learning_rate] * n_steps
    period = drop_epochs * batches_an_epoch
    return [learning_rate * LEARNING_RATE_DROP ** (step // period) for step in range(first_step, first_step + n_steps)]


class Shuffle:
    """The minibatches of one model: each epoch a new permutation of its n points, the short tail dropped.

    Args:
        last_step: steps that are likely to be asked for, so that no more are prepared.
        device: where batches are wanted, and so made: on the host an epoch of 50,000 points takes 3.5 ms.
    """

    def __init__(self, seed: int, n: int, batch_size: int, last_step: int, device: str | torch.device = "cpu") -> None:
        self._seed, self._n, self._batch_size, self._device = seed, n, batch_size, device
        self.batches_an_epoch = n // batch_size
        self._n_epochs = -(-last_step // self.batches_an_epoch)
        self._first = 0
        self._prepared = torch.empty(0, batch_size, dtype=torch.int64, device=device)

    def batches(self, first_step: int, n_steps: int) -> Tensor:
        """Training points of steps first_step .. first_step + n_steps - 1, counted from 0: int64 [n_steps, B]."""
        parts: list[Tensor] = []
        while n_steps > 0:
            if not self._first <= first_step < self._first + len(self._prepared):
                self._prepare(first_step // self.batches_an_epoch)
            start = first_step - self._first
            parts.append(self._prepared[start : start + n_steps])
            first_step += len(parts[-1])
            n_steps -= len(parts[-1])
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _prepare(self, epoch: int) -> None:
        n_epochs = max(1, min(_SHUFFLED_TOGETHER // self._n, self._n_epochs - epoch))
        order = permutations(self._seed, epoch, n_epochs, self._n, device=self._device)  # [E, n]
        kept = self.batches_an_epoch * self._batch_size
        self._prepared = order[:, :kept].reshape(-1, self._batch_size)  # [E * batches, B]
        self._first = epoch * self.batches_an_epoch
