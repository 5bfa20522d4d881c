"""What all packs are: M rows of parameters for models of one shape, and the buffers that a pass over them needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sensdb.definitions.spec import TrainingSpec, layer_sizes, n_train_points
from sensdb.training.checks import CHUNK
from sensdb.training.data import TrainingData
from sensdb.training.layout import Parameters, aligned_rows
from sensdb.training.losses import SUM_TO_LOSS
from sensdb.training.network import StackedNetwork
from sensdb.training.packing import ENGINE_VERSION
from sensdb.training.propagation import Propagation, Workspace
from sensdb.training.random import initial_weights
from sensdb.training.slots import Model


class Pack(ABC):
    """M rows, of which models fill rows 0 .. n - 1; a pass computes these alone.

    On a GPU all M are always computed: for another number of models cuBLAS may take another kernel and round
    differently (training-engine.md 4).

    Args:
        spec: of any model of the pack.
        n_rows: M.
        data: the training points.

    Attributes:
        sizes: (d, h1, ..., C).
        batch: points a step.
        parts: of a batch: CHUNK points each where it is full, one part otherwise.
        columns: for each part, the logits' columns (propagation.Propagation).
        parameters: of all M rows.
    """

    parameters: Parameters

    def __init__(self, spec: TrainingSpec, n_rows: int, data: TrainingData) -> None:
        self.spec, self.data = spec, data
        self.sizes = layer_sizes(spec, data.info)
        self.batch = spec.batch_rows(n_train_points(spec, data.info))
        length = CHUNK if spec.full_batch else self.batch
        self.parts = [slice(start, min(start + length, self.batch)) for start in range(0, self.batch, length)]
        lengths = [part.stop - part.start for part in self.parts]
        self.columns = [aligned_rows(n, self.sizes[-1]) for n in lengths]
        # A lone product with one row or column is rounded differently (network.stacked_product): never compute one.
        self._fewest = 2 if 1 in (*lengths, *self.sizes) else 1
        self.n_rows = max(n_rows, self._fewest)
        if data.rows.device.type != "cpu":
            self._fewest = self.n_rows
        self._workspace = Workspace(self.n_rows, max(lengths), self.sizes, data.rows.dtype, data.rows.device)

    @abstractmethod
    def enter(self, row: int, model: Model, state: Mapping[str, Tensor] | None = None) -> None:
        """Start a model at this row, or go on with one from what `state` gave of it, bit for bit."""

    @abstractmethod
    def state(self, row: int) -> dict[str, Tensor]:
        """What the model of this row has beyond its spec and step number, by name; may share memory with the pack."""

    @abstractmethod
    def move(self, source: int, target: int) -> None:
        """Copy the model of one row over another row."""

    @abstractmethod
    def leave(self, row: int) -> None:
        """Empty a row: idle rows may be computed too, and zeros do no harm."""

    @abstractmethod
    def advance(self, models: Sequence[Model], n_steps: int, deadline: float) -> None:
        """Move the models, one a row from row 0 on, forward by n_steps of their steps at most.

        Args:
            deadline: of time.monotonic(); past it the pack returns as soon as it has advanced at all.
        """

    @abstractmethod
    def look(self, row: int, model: Model) -> None:
        """Let the model know whether the losses of its last steps were finite."""

    @abstractmethod
    def last_sums(self, n_models: int) -> Tensor:
        """The last loss sums (losses.loss_gradient) of the first n_models rows, [n_models]."""

    @property
    def engine_version(self) -> str:
        """Of the models it trains."""
        return ENGINE_VERSION

    def last_losses(self, n_models: int) -> Tensor:
        """The last losses of the first n_models rows, [n_models]."""
        return self.last_sums(n_models) * (SUM_TO_LOSS[self.spec.loss] / self.batch)

    def network(self, row: int) -> StackedNetwork:
        """The model of this row as a network of M = 1 that shares memory."""
        return self.parameters.network(row, self.spec.nonlinearity)

    def n_computed(self, n_models: int) -> int:
        """Rows that a pass over the first n_models rows computes."""
        return max(n_models, self._fewest)

    def propagations(
        self, n_models: int, inputs: Sequence[Tensor], gradient: Parameters | None, kept: float
    ) -> list[Propagation]:
        """The prepared passes over the parts of a batch, whose gradients add up to kept * gradient + the mean.

        Args:
            n_models: rows computed.
            inputs: for each part its points, [n_models, b, d].
            gradient: of all M rows, or None (propagation.Propagation).
        """
        parameters = self.parameters.first(n_models)
        gradient = None if gradient is None else gradient.first(n_models)
        return [
            Propagation(
                parameters,
                gradient,
                x,
                self.spec.nonlinearity,
                self.spec.loss,
                self._workspace,
                kept=1.0 if part else kept,
                share=1.0 / self.batch,
            )
            for part, x in enumerate(inputs)
        ]

    def initialise(self, row: int, model: Model) -> None:
        """Set a row to the model's initial weights and zero biases."""
        self.parameters.clear(row)
        spec = model.spec
        weights = initial_weights(spec.seed, spec.weight_scale, spec.nonlinearity, self.sizes)
        for target, weight in zip(self.parameters.weights, weights, strict=True):
            target[row] = weight


class Targets:
    """Where each point's true class stands in the flat logits [M, C, B'] of each part of a batch.

    Attributes:
        parts: for each part, int64 [K, M, b]: for K steps ahead; 1 where labels are the same at every step.
    """

    def __init__(self, pack: Pack, n_steps: int) -> None:
        device = pack.data.rows.device
        self._slices, self._columns = pack.parts, pack.columns
        self._strides = [pack.sizes[-1] * columns for columns in pack.columns]  # logits a model
        self.parts = [
            # Rows without a model are computed too now and then, and must point into their own logits.
            (torch.arange(pack.n_rows, device=device) * stride)[:, None].repeat(n_steps, 1, part.stop - part.start)
            for part, stride in zip(pack.parts, self._strides, strict=True)
        ]

    def fill(self, first_row: int, labels: Tensor, start: int) -> None:
        """Set M' rows from first_row on, from step `start` on, to labels [k or 1, M', B] of the batch's points."""
        rows = torch.arange(first_row, first_row + labels.shape[1], device=labels.device)[:, None]  # [M', 1]
        for part, targets, columns, stride in zip(self._slices, self.parts, self._columns, self._strides, strict=True):
            places = torch.arange(part.stop - part.start, device=targets.device) + rows * stride  # [M', b]
            targets[start:, first_row : first_row + len(rows)] = labels[..., part] * columns + places

    def move(self, source: int, target: int) -> None:
        """Copy one row over another."""
        for targets, stride in zip(self.parts, self._strides, strict=True):
            targets[:, target] = targets[:, source] + (target - source) * stride

    def flat(self, n_models: int) -> list[list[Tensor]]:
        """For each part and step, int64 [n_models * b]: what `Propagation.backward` takes."""
        return [[ahead.view(-1) for ahead in targets[:, :n_models]] for targets in self.parts]
