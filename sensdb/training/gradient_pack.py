"""Packs that move by gradients, minibatch or full: every model one step forward by the same kernel calls."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from sensdb.definitions.spec import TrainingSpec
from sensdb.training.augment import Augmentation
from sensdb.training.data import TrainingData
from sensdb.training.fused import is_fused
from sensdb.training.layout import Parameters
from sensdb.training.optimizers import make_optimizer
from sensdb.training.pack import Pack
from sensdb.training.packing import ENGINE_VERSION, FUSED_VERSION, RESIDENT_VERSION
from sensdb.training.recorded import RecordedSteps, beside, record_on
from sensdb.training.resident import ResidentSteps, is_resident
from sensdb.training.slots import Model
from sensdb.training.step import Step
from sensdb.training.window import Window


class GradientPack(Pack):
    """A pack of SGD, momentum, Adam or RMSProp; its steps ahead are laid out in a window.

    Args: as for Pack, and
        resident: take resident steps (resident.py), where the shape has them.
        fused: take fused steps (fused.py), where the spec has them and steps are not resident.
    """

    def __init__(
        self, spec: TrainingSpec, n_rows: int, data: TrainingData, *, resident: bool = False, fused: bool = False
    ) -> None:
        super().__init__(spec, n_rows, data)
        self._resident = resident and is_resident(spec, data.info)
        self._fused = fused and is_fused(spec) and not self._resident
        device, dtype = data.rows.device, data.rows.dtype

        def zeros() -> Parameters:
            return Parameters.zeros(self.n_rows, self.sizes, spec.biases, dtype, device)

        by_kernel = self._resident or self._fused
        # The kernels take a GPU's coefficients, also where the host interprets them.
        self.optimizer = make_optimizer(spec.optimizer, spec.momentum, "cuda" if by_kernel else device)
        self.parameters = zeros()
        self.states = [zeros() for _ in range(self.optimizer.n_states)]
        self.gradient = None  # the kernels multiply it out where they use it
        if not by_kernel:
            self.gradient = self.states[0] if self.optimizer.gradient_is_state else zeros()
        self.augmentation = None
        if spec.augmentation is not None:
            self.augmentation = Augmentation(spec.augmentation, data.image_shape, device)
        most_rows = max(part.stop - part.start for part in self.parts)
        self.inputs = torch.zeros(self.n_rows * most_rows, data.rows.shape[1], dtype=dtype, device=device)
        self.window = Window(self, self.optimizer, self.augmentation)
        self._cursor = 0
        self._record = None if self._resident else record_on(device)
        self._steps: dict[int, Step | RecordedSteps | ResidentSteps] = {}
        if self._record is not None:
            self._warm_up()

    def enter(self, row: int, model: Model, state: Mapping[str, Tensor] | None = None) -> None:
        """Start a model at this row: initial weights, zero biases and states; or all of these as `state` has them."""
        if state is None:
            for tensors in self.states:
                tensors.clear(row)
            self.initialise(row, model)
        else:
            for name, block in self._blocks(row):
                block.copy_(state[name])
        self.window.enter(row, model, self._cursor)
        model.seen = self._cursor

    def state(self, row: int) -> dict[str, Tensor]:
        """The blocks of parameters and optimizer state, each [aligned size]."""
        return dict(self._blocks(row))

    def move(self, source: int, target: int) -> None:
        """Copy the model of one row over another row."""
        for tensors in (self.parameters, *self.states):
            tensors.move(source, target)
        self.window.move(source, target)

    def leave(self, row: int) -> None:
        """Empty a row."""
        for tensors in (self.parameters, *self.states):
            tensors.clear(row)

    def advance(self, models: Sequence[Model], n_steps: int, deadline: float) -> None:
        """n_steps steps of each model; fewer at the window's end or past the deadline, one at least."""
        if self._cursor == self.window.length:
            self._turn_window(models)
        steps = self._steps_of(self.n_computed(len(models)))
        first, last = self._cursor, min(self._cursor + n_steps, self.window.length)
        while self._cursor < last:
            self._cursor += steps.advance(self._cursor, last)
            if time.monotonic() > deadline:
                break
        for model in models:
            model.steps += self._cursor - first

    def look(self, row: int, model: Model) -> None:
        """Let the model know whether the losses of its last steps were finite."""
        model.note_losses(torch.isfinite(self.window.sums[model.seen : self._cursor, row]))
        model.seen = self._cursor

    def last_sums(self, n_models: int) -> Tensor:
        """The last step's loss sums; zeros before the first step."""
        return self.window.sums[max(self._cursor - 1, 0), :n_models]

    def _blocks(self, row: int) -> Iterator[tuple[str, Tensor]]:
        for place, tensors in enumerate((self.parameters, *self.states)):
            for number, block in enumerate(tensors.blocks):
                yield f"{'state' if place else 'parameters'}{place or ''}.{number}", block[row]

    def n_computed(self, n_models: int) -> int:
        """Rows that a step of the first n_models rows computes: no others where steps are resident."""
        return n_models if self._resident else super().n_computed(n_models)

    @property
    def engine_version(self) -> str:
        """Of the models it trains: resident and fused steps round otherwise."""
        if self._resident:
            return RESIDENT_VERSION
        return FUSED_VERSION if self._fused else ENGINE_VERSION

    def _steps_of(self, n_computed: int) -> Step | RecordedSteps | ResidentSteps:
        """The prepared steps of the first n_computed rows."""
        steps = self._steps.get(n_computed)
        if steps is None and self._resident:
            steps = self._steps[n_computed] = ResidentSteps(self, n_computed)
        if steps is None:
            step = Step(self, n_computed)
            steps = step if self._record is None else RecordedSteps(step.run, self._record)
            self._steps[n_computed] = steps
        return steps

    def _warm_up(self) -> None:
        """Run one step of no models beside the stream, as libraries must before they are recorded, and forget it.

        The steps of models are all repeated from records: a first one by itself might be rounded by another kernel.
        """
        with torch.no_grad(), beside(self.data.rows.device):
            Step(self, self.n_rows).run(0)
            for tensors in (self.parameters, self.gradient, *self.states):
                for block in () if tensors is None else tensors.blocks:
                    block.zero_()
            self.window.sums.zero_()

    def _turn_window(self, models: Sequence[Model]) -> None:
        # One look for all, which waits for the device once; a row's losses before its model came are 0.
        all_finite = bool(torch.isfinite(self.window.sums[: self._cursor, : len(models)]).all())
        for row, model in enumerate(models):
            if not all_finite:
                self.look(row, model)
            model.seen = 0
        self.window.fill(0, models, 0)
        self._cursor = 0
