"""Packs that move by L-BFGS: the evaluations of all models are one stacked pass, their searches are their own."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sensdb.definitions.spec import TrainingSpec
from sensdb.errors import TrainingError
from sensdb.training.data import TrainingData
from sensdb.training.layout import Parameters
from sensdb.training.lbfgs import Course, Iterate, minimise
from sensdb.training.losses import SUM_TO_LOSS
from sensdb.training.pack import Pack, Targets
from sensdb.training.propagation import Propagation
from sensdb.training.slots import Model


@dataclass
class _Run:
    """A model's course, its parameters x as the course has them, and its last iterate.

    at_iterate: whether x is the iterate, not a trial.
    """

    x: Tensor
    course: Course
    iterate: Iterate | None = None
    at_iterate: bool = False

    def note(self, iterate: Iterate | None) -> None:
        """Take in what the course has yielded."""
        self.at_iterate = iterate is not None
        self.iterate = iterate or self.iterate


class LbfgsPack(Pack):
    """A pack of full-batch L-BFGS; a step is one iteration, whatever number of evaluations its search takes.

    Args: as for Pack.

    Raises:
        TrainingError: the spec has augmentation.
    """

    def __init__(self, spec: TrainingSpec, n_rows: int, data: TrainingData) -> None:
        if spec.augmentation is not None:
            raise TrainingError(
                f"optimizer lbfgs with augmentation {', '.join(spec.augmentation)}: a line search needs a fixed loss.",
                "leave augmentation out, or train with sgd, momentum, adam or rmsprop.",
            )
        super().__init__(spec, n_rows, data)
        # A model's parameters in one row, for the inner products.
        like = (self.n_rows, self.sizes, spec.biases, data.rows.dtype, data.rows.device)
        self.parameters, self._flat_parameters = Parameters.zeros_in_rows(*like)
        self.gradient, self._flat_gradient = Parameters.zeros_in_rows(*like)
        self._targets = Targets(self, 1)
        self._sums = data.rows.new_zeros(len(self.parts), self.n_rows)
        self._runs: list[_Run | None] = [None] * self.n_rows
        self._passes: dict[int, list[Propagation]] = {}

    def enter(self, row: int, model: Model, state: Mapping[str, Tensor] | None = None) -> None:
        """Start a model at this row, its first evaluation to come; or go on with one from an iterate."""
        start = None if state is None else _iterate(state, self.data.rows.device)
        if start is None:
            self.initialise(row, model)
        else:
            self._flat_parameters[row] = start.x
        self._targets.fill(row, model.labels[None, None], 0)
        x = self._flat_parameters[row].clone()
        run = _Run(x, minimise(x, start))
        run.note(next(run.course))
        self._runs[row] = run

    def state(self, row: int) -> dict[str, Tensor]:
        """The last iterate; a search that has begun is begun again from it, and goes the same way.

        Returns:
            x and gradient [P]; steps and changes [k, P] of the k remembered; numbers, float64 [2 + k]: the value, the
            scale, and an inverse of each.
        """
        iterate = self._run(row).iterate
        assert iterate is not None  # a model that has done a step
        steps, changes, inverses = zip(*iterate.memory, strict=True) if iterate.memory else ((), (), ())
        numbers = torch.tensor([iterate.value, iterate.scale, *inverses], dtype=torch.float64)
        state = {"x": iterate.x, "gradient": iterate.gradient, "numbers": numbers}
        return state | ({"steps": torch.stack(steps), "changes": torch.stack(changes)} if steps else {})

    def move(self, source: int, target: int) -> None:
        """Copy the model of one row over another row."""
        self._runs[target] = self._runs[source]
        self._flat_parameters[target] = self._flat_parameters[source]
        self._targets.move(source, target)
        self._sums[:, target] = self._sums[:, source]

    def leave(self, row: int) -> None:
        """Empty a row."""
        self._runs[row] = None
        self.parameters.clear(row)

    def advance(self, models: Sequence[Model], n_steps: int, deadline: float) -> None:
        """Evaluate at every model's point until one has done an iteration or has ended, or past the deadline.

        The others stay where they are in their searches, so that each model is checked at an iterate of its own.
        """
        iterated = ended = False
        while not (iterated or ended):
            for row, model in enumerate(models):
                run = self._run(row)
                if run.at_iterate:
                    self._proceed(model, run, math.nan)
                self._flat_parameters[row] = run.x
                ended |= model.at_its_end
            if ended:
                return
            for row, (model, value) in enumerate(zip(models, self._evaluate(len(models)), strict=True)):
                run = self._run(row)
                self._proceed(model, run, value, self._flat_gradient[row])
                if run.at_iterate:
                    model.steps += 1
                    iterated = True
                # An iterate need not be the last trial; what a check or the end sees is the iterate.
                self._flat_parameters[row] = run.x
                ended |= model.at_its_end
            if time.monotonic() > deadline:
                return

    def look(self, row: int, model: Model) -> None:
        """Nothing: a course sees for itself whether its values are finite."""

    def last_sums(self, n_models: int) -> Tensor:
        """Sums of the last evaluations, trials included."""
        return self._sums[:, :n_models].sum(0)

    def _run(self, row: int) -> _Run:
        run = self._runs[row]
        assert run is not None
        return run

    def _proceed(self, model: Model, run: _Run, value: float, gradient: Tensor | None = None) -> None:
        """Hand the course what it asked for, and note whether it is at an iterate, or at its end, and why."""
        try:
            run.note(run.course.send((value, run.x if gradient is None else gradient)))
        except StopIteration as end:
            run.at_iterate = False
            model.at_its_end = True
            if end.value == "diverged":
                model.bad_step = model.steps + 1

    def _evaluate(self, n_models: int) -> list[float]:
        """Mean losses of the first n_models rows at the parameters they hold; gradients go to `gradient`."""
        n_computed = self.n_computed(n_models)
        passes = self._passes.get(n_computed)
        if passes is None:
            inputs = [self.data.x[part].expand(n_computed, -1, -1) for part in self.parts]
            passes = self._passes[n_computed] = self.propagations(n_computed, inputs, self.gradient, 0.0)
        targets = self._targets.flat(n_computed)
        for part, (propagation, (target,)) in enumerate(zip(passes, targets, strict=True)):
            propagation.forward()
            propagation.backward(target, self._sums[part, :n_computed], None, ())
        factor = SUM_TO_LOSS[self.spec.loss] / self.batch
        sums: list[list[float]] = self._sums[:, :n_models].T.tolist()  # waits for the device
        return [math.fsum(of_parts) * factor for of_parts in sums]


def _iterate(state: Mapping[str, Tensor], device: torch.device) -> Iterate:
    """The iterate that `LbfgsPack.state` gave, on the pack's device."""
    value, scale, *inverses = state["numbers"].tolist()
    # Rows of their own: where a number lies may decide how a product is rounded (layout.py).
    steps, changes = ([row.to(device, copy=True) for row in state.get(name, ())] for name in ("steps", "changes"))
    x, gradient = (state[name].to(device, copy=True) for name in ("x", "gradient"))
    return Iterate(x, value, gradient, tuple(zip(steps, changes, inverses, strict=True)), scale)
