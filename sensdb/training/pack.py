"""The tensors of a pack and its step: M models of one shape move one step forward each, by the same kernel calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sensdb.definitions.spec import TrainingSpec, layer_sizes, n_train_points
from sensdb.training.augment import Augmentation
from sensdb.training.checks import CHUNK
from sensdb.training.data import TrainingData
from sensdb.training.layout import Parameters, aligned, aligned_rows
from sensdb.training.losses import SUM_TO_LOSS
from sensdb.training.network import StackedNetwork
from sensdb.training.optimizers import make_optimizer
from sensdb.training.propagation import Propagation, Workspace
from sensdb.training.random import initial_weights
from sensdb.training.slots import Model
from sensdb.training.window import Window

# Fills the input of one part of a batch for the step at a position of the window.
Load = Callable[[int], None]


class Pack:
    """M rows of parameters and optimizer states, and the steps ahead of each.

    Models fill rows 0 .. n - 1, and a step computes these alone. On a GPU all M are always computed: for another
    number of models cuBLAS may take another kernel and round differently (training-engine.md 4).

    Args:
        spec: of any model of the pack.
        n_rows: M.
        data: the training points.
    """

    def __init__(self, spec: TrainingSpec, n_rows: int, data: TrainingData) -> None:
        self.spec, self.data = spec, data
        self.sizes = layer_sizes(spec, data.info)
        self.batch = spec.batch_rows(n_train_points(spec, data.info))
        chunk = CHUNK if spec.full_batch else self.batch
        self.chunks = [slice(start, min(start + chunk, self.batch)) for start in range(0, self.batch, chunk)]
        lengths = {part.stop - part.start for part in self.chunks}
        device, dtype = data.rows.device, data.rows.dtype
        # A lone product with one row or column is rounded differently (network.stacked_product): never compute one.
        self._fewest = 2 if 1 in lengths.union(self.sizes) else 1
        self.n_rows = max(n_rows, self._fewest)
        if device.type != "cpu":
            self._fewest = self.n_rows

        def zeros() -> Parameters:
            return Parameters.zeros(self.n_rows, self.sizes, spec.biases, dtype, device)

        self.optimizer = make_optimizer(spec.optimizer, spec.momentum)
        self.parameters = zeros()
        self.states = [zeros() for _ in range(self.optimizer.n_states)]
        self.gradient = self.states[0] if self.optimizer.gradient_is_state else zeros()
        self.augmentation = None
        if spec.augmentation is not None:
            self.augmentation = Augmentation(spec.augmentation, data.image_shape, device)
        self.workspace = Workspace(self.n_rows, max(lengths), self.sizes, dtype, device)
        row = aligned(self.sizes[0])
        self.inputs = torch.zeros(self.n_rows * max(lengths), row, dtype=dtype, device=device)
        self.window = Window(
            self.n_rows,
            self.chunks,
            [aligned_rows(part.stop - part.start, self.sizes[-1]) for part in self.chunks],
            self.sizes[-1],
            self.optimizer,
            self.augmentation,
            full_batch=spec.full_batch,
            dtype=dtype,
            device=device,
        )
        self._cursor = 0
        self._steps: dict[int, _Step] = {}

    def enter(self, row: int, model: Model) -> None:
        """Start a model at this row: initial weights, zero biases and states."""
        for tensors in (self.parameters, *self.states):
            tensors.clear(row)
        spec = model.spec
        weights = initial_weights(spec.seed, spec.weight_scale, spec.nonlinearity, self.sizes)
        for target, weight in zip(self.parameters.weights, weights, strict=True):
            target[row] = weight
        self.window.sums[:, row] = 0.0
        self.window.fill(row, model, self._cursor)
        model.seen = self._cursor

    def move(self, source: int, target: int) -> None:
        """Copy the model of one row over another row."""
        for tensors in (self.parameters, *self.states):
            tensors.move(source, target)
        self.window.move(source, target)

    def leave(self, row: int) -> None:
        """Empty a row: idle rows may be computed too, and zeros do no harm."""
        for tensors in (self.parameters, *self.states):
            tensors.clear(row)

    def network(self, row: int) -> StackedNetwork:
        """The model of this row as a network of M = 1 that shares memory."""
        return self.parameters.network(row, self.spec.nonlinearity)

    def advance(self, models: Sequence[Model], n_steps: int, deadline: float) -> int:
        """Move the models, one a row from row 0 on, n_steps forward; fewer at the window's end or past the deadline.

        Returns:
            Steps done, at least 1.
        """
        if self._cursor == self.window.length:
            self._turn_window(models)
        n_computed = max(len(models), self._fewest)
        step = self._steps.get(n_computed)
        if step is None:
            step = self._steps[n_computed] = _Step(self, n_computed)
        first, last = self._cursor, min(self._cursor + n_steps, self.window.length)
        while self._cursor < last:
            step.run(self._cursor)
            self._cursor += 1
            if time.monotonic() > deadline:
                break
        done = self._cursor - first
        for model in models:
            model.steps += done
        return done

    def look(self, row: int, model: Model) -> None:
        """Let the model know whether the losses of its last steps were finite."""
        model.note_losses(torch.isfinite(self.window.sums[model.seen : self._cursor, row]))
        model.seen = self._cursor

    def last_losses(self, n_models: int) -> Tensor:
        """The last minibatch loss of the first n_models rows, [n_models]; zeros before the first step."""
        sums = self.window.sums[max(self._cursor - 1, 0), :n_models]
        return sums * (SUM_TO_LOSS[self.spec.loss] / self.batch)

    def _turn_window(self, models: Sequence[Model]) -> None:
        for row, model in enumerate(models):
            self.look(row, model)
            model.seen = 0
            self.window.fill(row, model, 0)
        self._cursor = 0


class _Step:
    """The prepared step of a pack's first n_models rows; `run` takes a position in the window."""

    def __init__(self, pack: Pack, n_models: int) -> None:
        spec, window = pack.spec, pack.window
        parameters, gradient = pack.parameters.first(n_models), pack.gradient.first(n_models)
        self._updates = pack.optimizer.updates(parameters, gradient, [state.first(n_models) for state in pack.states])
        self._propagations: list[Propagation] = []
        self._loads: list[Load] = []
        for part in pack.chunks:
            x, load = _input(pack, n_models, part)
            self._loads.append(load)
            self._propagations.append(
                Propagation(
                    parameters,
                    gradient,
                    x,
                    spec.nonlinearity,
                    spec.loss,
                    pack.workspace,
                    kept=pack.optimizer.kept if part.start == 0 else 1.0,
                    share=1.0 / pack.batch,
                )
            )
        self._targets = [[ahead.view(-1) for ahead in targets[:, :n_models]] for targets in window.targets]
        self._coefficients = list(
            zip(*(coefficient[:, :n_models] for coefficient in window.coefficients), strict=True)
        )  # [K][n_coefficients], each [M, 1]
        self._sums = list(window.sums[:, :n_models])
        self._part_sums = torch.zeros_like(self._sums[0])

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
                self._updates if part == last else None,
                coefficients,
            )
            if part:
                sums.add_(self._part_sums)


def _input(pack: Pack, n_models: int, part: slice) -> tuple[Tensor, Load]:
    """The input buffer [M, b, d] of one part of a batch, and the call that fills it for a step."""
    n_rows, d, row = part.stop - part.start, pack.sizes[0], pack.inputs.shape[1]
    data, window = pack.data, pack.window
    if window.rows is None and pack.augmentation is None:
        return data.x[part].expand(n_models, -1, -1), _nothing  # all models share the points
    flat = pack.inputs[: n_models * n_rows]  # [M * b, aligned(d)]
    x = flat.as_strided((n_models, n_rows, d), (n_rows * row, row, 1))
    gather: Load = _nothing
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
    variants = [ahead.reshape(-1) for ahead in window.variants[:, :n_models, part]]
    sources = torch.empty(n_models * n_rows, d, dtype=torch.int64, device=x.device)

    def augment(position: int) -> None:
        gather(position)
        torch.index_select(table, 0, variants[position], out=sources)
        torch.gather(images, 2, sources.view(x.shape), out=x)

    return x, augment


def _nothing(position: int) -> None:
    """A full batch lies where it is."""
