"""A model on its way: what it trains on, how far it is, and at which of its own steps something is to be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sensdb.definitions.spec import TrainingSpec, n_train_points
from sensdb.training.batches import Shuffle, check_steps, learning_rates
from sensdb.training.data import TrainingData
from sensdb.training.random import noisy_labels

DIVERGENCE_LOOK = 1000
"""A non-finite loss is looked for after so many steps at the latest; seen or not, it ends the model where it was."""


@dataclass
class Model:
    """One model in a slot.

    Attributes:
        slot: the caller's number of its place.
        labels: int64 [n], of its training points in training order, noise included.
        shuffle: its minibatches; None for a full batch.
        steps: steps done.
        next_check: the step after which it is checked.
        bad_step: the number (from 1) of its first step whose minibatch loss was not finite; 0 while there is none.
        at_its_end: nothing more to do, as L-BFGS alone can say; it ends converged, or with bad_step diverged.
        seen: up to where its losses in the pack's window have been looked at.
        seconds: its share of the time spent so far.
    """

    slot: int
    spec: TrainingSpec
    labels: Tensor
    shuffle: Shuffle | None
    checks: Iterator[int]
    steps: int = 0
    next_check: int = 0
    bad_step: int = 0
    at_its_end: bool = False
    seen: int = 0
    seconds: float = 0.0

    @classmethod
    def begin(cls, slot: int, spec: TrainingSpec, data: TrainingData) -> Model:
        """A model at step 0; its labels are drawn here."""
        n = n_train_points(spec, data.info)
        labels = noisy_labels(spec.seed, spec.label_noise, data.labels[:n], data.info.n_classes)
        shuffle = None
        if not spec.full_batch:
            shuffle = Shuffle(spec.seed, n, spec.batch_rows(n), spec.max_steps, data.rows.device)
        an_epoch = 1 if shuffle is None else shuffle.batches_an_epoch
        checks = check_steps(an_epoch, spec.max_steps, only_at_the_end=spec.stop == "never")
        return cls(slot, spec, labels, shuffle, checks, next_check=next(checks))

    def go_on(self, steps: int, bad_step: int, seconds: float) -> None:
        """Stand where a checkpoint was taken, past the checks up to there."""
        self.steps, self.bad_step, self.seconds = steps, bad_step, seconds
        while self.next_check <= steps:
            self.next_check = next(self.checks)

    @property
    def steps_to_event(self) -> int:
        """Steps until it is checked or its losses are looked at."""
        look = (self.steps // DIVERGENCE_LOOK + 1) * DIVERGENCE_LOOK
        return min(self.next_check, look) - self.steps

    @property
    def is_due(self) -> bool:
        """Whether its step is one of these, or its last."""
        return self.at_its_end or self.steps == self.next_check or self.steps % DIVERGENCE_LOOK == 0

    def rates(self, n_steps: int) -> Tensor:
        """Learning rates of its next n_steps steps, float64 [n_steps]."""
        assert self.spec.learning_rate is not None
        an_epoch = 1 if self.shuffle is None else self.shuffle.batches_an_epoch
        rates = learning_rates(
            self.spec.learning_rate, self.spec.learning_rate_drop_epochs, an_epoch, self.steps, n_steps
        )
        return torch.tensor(rates, dtype=torch.float64)

    def note_losses(self, finite: Tensor) -> None:
        """Take in whether its last steps' losses were finite: bool [k], the last entry of step `steps`."""
        if self.bad_step == 0 and not bool(finite.all()):  # waits for the device
            first = int((~finite).to(torch.int8).argmax())
            self.bad_step = self.steps - len(finite) + first + 1
