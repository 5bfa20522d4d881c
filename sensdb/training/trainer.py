"""The training loop: models enter slots, advance together, are checked on their own steps, and leave as results."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from sensdb.definitions.spec import TrainingSpec, pack_key, stop_rule
from sensdb.errors import TrainingError
from sensdb.training.checkpoint import Checkpoint
from sensdb.training.checks import loss_and_accuracy
from sensdb.training.data import TrainingData
from sensdb.training.gradient_pack import GradientPack
from sensdb.training.lbfgs_pack import LbfgsPack
from sensdb.training.network import StackedNetwork
from sensdb.training.pack import Pack
from sensdb.training.packing import ENGINE_VERSION
from sensdb.training.slots import Model

__all__ = ["Trained", "Trainer", "TrainingData", "train_alone"]


@dataclass(frozen=True)
class Trained:
    """A model whose training has ended; also a diverged one is a result.

    Attributes:
        network: M = 1, on the host, owning its memory. Of a diverged model whatever it held when that was seen.
        steps: steps trained; of a diverged model the first step whose minibatch loss was not finite.
        stop_reason: budget, fitted, loss or diverged (converged: L-BFGS alone).
        fitted: training accuracy 1 at the end.
        train_accuracy, train_loss: over all its training points and their labels, noise included, unaugmented; None
            for a diverged model.
        train_seconds: its share of the time its pack took, checks included.
        engine_version: of what trained it.
    """

    spec: TrainingSpec
    network: StackedNetwork
    steps: int
    stop_reason: str
    fitted: bool
    train_accuracy: float | None
    train_loss: float | None
    train_seconds: float
    engine_version: str = ENGINE_VERSION

    def metrics(self) -> dict[str, object]:
        """The columns of model_metrics that training determines, by name."""
        names = ("stop_reason", "fitted", "steps", "train_accuracy", "train_loss", "train_seconds")
        return {name: getattr(self, name) for name in names}


class Trainer:
    """Trains models of one pack key; each may start and stop at any time, and none disturbs another.

    A model's numbers depend on its spec, the data, the device class, the engine version and the torch build, not on
    the number of slots, its slot, its neighbours or when it started.

    Args:
        spec: of any model of the pack.
        slots: how many models are trained at once, from `packing.plan_slots`.
        data: on `device`, of the spec's crop and dtype.
        device: where to train.
        resident: train small nets by resident steps (resident.py), on a GPU; other shapes as ever.
        fused: train by fused steps (fused.py) what has them and is not resident, on a GPU.

    Raises:
        TrainingError: data and device differ, or the spec cannot be trained (augmentation with lbfgs; rotations of
            oblong images).
    """

    def __init__(
        self,
        spec: TrainingSpec,
        slots: int,
        data: TrainingData,
        *,
        device: str | torch.device = "cpu",
        resident: bool = False,
        fused: bool = False,
    ) -> None:
        if data.rows.device.type != torch.device(device).type:
            raise TrainingError(f"training data on {data.rows.device}, a trainer on {device}: one device expected.")
        self._data = data
        self._key = pack_key(spec, data.info)
        self._pack: Pack
        if spec.optimizer == "lbfgs":
            self._pack = LbfgsPack(spec, slots, data)
        else:
            self._pack = GradientPack(spec, slots, data, resident=resident, fused=fused)
        self.engine_version = self._pack.engine_version
        """Of the models trained here: with resident or fused steps one of its own (packing.py)."""
        self._models: list[Model] = []  # by row of the pack
        self._trained: dict[int, Trained] = {}
        self.slots = slots
        self.model_steps = 0
        """Steps done so far, summed over models."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Layer sizes of the pack's models, (d, h1, ..., C)."""
        return self._pack.sizes

    @property
    def free_slots(self) -> list[int]:
        """Slots that hold no model, in order."""
        taken = {model.slot for model in self._models} | self._trained.keys()
        return [slot for slot in range(self.slots) if slot not in taken]

    @property
    def active_slots(self) -> list[int]:
        """Slots whose models are being trained, in order."""
        return sorted(model.slot for model in self._models)

    @property
    def furthest_step(self) -> int:
        """The largest number of steps that a model in training has done; 0 without one."""
        return max((model.steps for model in self._models), default=0)

    @property
    def median_loss(self) -> float | None:
        """The median of the last minibatch losses; None where nothing is trained or it is not finite."""
        if not self._models or self.furthest_step == 0:
            return None
        median = float(self._pack.last_losses(len(self._models)).median())  # waits for the device
        return median if math.isfinite(median) else None

    def put(self, slot: int, spec: TrainingSpec, checkpoint: Checkpoint | None = None) -> None:
        """Start a model in a free slot, or go on with it from a checkpoint of this spec and kind of arithmetic.

        Raises:
            TrainingError: the spec has another pack key.
        """
        if slot not in self.free_slots:
            raise TrainingError(f"slot {slot} is not one of the free slots {self.free_slots}.")
        key = pack_key(spec, self._data.info)
        if key != self._key:
            raise TrainingError(f"a model of pack key {key} cannot join a pack of {self._key}.")
        model = Model.begin(slot, spec, self._data)
        if checkpoint is not None:
            model.go_on(checkpoint.steps, checkpoint.bad_step, checkpoint.seconds)
        self._pack.enter(len(self._models), model, None if checkpoint is None else checkpoint.tensors)
        self._models.append(model)

    def checkpoint(self, slot: int) -> Checkpoint | None:
        """Where the model in training in this slot stands, on the host; None before its first step."""
        row = self._row(slot)
        model = self._models[row]
        if model.steps == 0:
            return None
        self._pack.look(row, model)
        tensors = {name: tensor.to("cpu", copy=True) for name, tensor in self._pack.state(row).items()}
        return Checkpoint(
            model.spec.spec_sha256, model.steps, model.bad_step, model.seconds, tensors, self.engine_version
        )

    def run(self, seconds: float = 1.0) -> list[int]:
        """Train until a model has ended, or for so many seconds; how often it is called changes no result.

        Returns:
            Slots of models that have ended; `take` them.
        """
        torch.set_flush_denormal(True)  # of this thread; a rule of the spec, so not left to the caller
        deadline = time.monotonic() + seconds
        ended: list[int] = []
        with torch.no_grad():
            while self._models and not ended:
                started = time.perf_counter()
                n_steps = min(model.steps_to_event for model in self._models)
                before = sum(model.steps for model in self._models)
                self._pack.advance(self._models, n_steps, deadline)
                self.model_steps += sum(model.steps for model in self._models) - before
                share = (time.perf_counter() - started) / len(self._models)
                for model in self._models:
                    model.seconds += share
                ended = self._end_models()
                if time.monotonic() > deadline:
                    break
        return ended

    def take(self, slot: int) -> Trained:
        """The model that has ended in this slot; frees the slot."""
        return self._trained.pop(slot)

    def drop(self, slot: int) -> None:
        """Give up the model in this slot, in training or ended; frees the slot.

        Raises:
            TrainingError: the slot holds no model.
        """
        if self._trained.pop(slot, None) is not None:
            return
        self._vacate(self._row(slot))

    def _row(self, slot: int) -> int:
        """The pack's row of the model in training in a slot."""
        for row, model in enumerate(self._models):
            if model.slot == slot:
                return row
        raise TrainingError(f"slot {slot} holds no model; those in use are {self.active_slots}.")

    def _end_models(self) -> list[int]:
        """Look at the models whose event has come; those that have ended leave the pack."""
        ended = []
        for row in reversed(range(len(self._models))):
            model = self._models[row]
            if not model.is_due:
                continue
            trained = self._look(row, model)
            if trained is not None:
                self._trained[model.slot] = trained
                ended.append(model.slot)
                self._vacate(row)
        return sorted(ended)

    def _look(self, row: int, model: Model) -> Trained | None:
        """What a model's event brings: nothing, or its end."""
        started = time.perf_counter()
        self._pack.look(row, model)
        if model.bad_step:
            return self._end(row, model, "diverged", None, None, started)
        if model.steps < model.next_check and not model.at_its_end:
            return None
        network = self._pack.network(row)
        loss, accuracy = loss_and_accuracy(network, self._data.x[: len(model.labels)], model.labels, model.spec.loss)
        if model.at_its_end:
            return self._end(row, model, "converged", loss, accuracy, started)
        rule, threshold = stop_rule(model.spec)
        if rule == "fitted" and accuracy == 1.0 and math.isfinite(loss):
            return self._end(row, model, "fitted", loss, accuracy, started)
        if threshold is not None and loss < threshold:
            return self._end(row, model, "loss", loss, accuracy, started)
        if model.steps == model.spec.max_steps:
            if math.isfinite(loss):
                return self._end(row, model, "budget", loss, accuracy, started)
            return self._end(row, model, "diverged", None, None, started)
        model.next_check = next(model.checks)
        model.seconds += time.perf_counter() - started
        return None

    def _end(
        self, row: int, model: Model, reason: str, loss: float | None, accuracy: float | None, started: float
    ) -> Trained:
        return Trained(
            spec=model.spec,
            network=_on_host(self._pack.network(row)),
            steps=model.bad_step or model.steps,
            stop_reason=reason,
            fitted=accuracy == 1.0,
            train_accuracy=accuracy,
            train_loss=loss,
            train_seconds=model.seconds + time.perf_counter() - started,
            engine_version=self.engine_version,
        )

    def _vacate(self, row: int) -> None:
        """Take a model out of the pack; the last row's model moves to its place."""
        last = len(self._models) - 1
        if row != last:
            self._pack.move(last, row)
            self._models[row] = self._models[last]
        self._models.pop()
        self._pack.leave(last)


def _on_host(network: StackedNetwork) -> StackedNetwork:
    """A copy that owns its memory."""

    def copies(tensors: list[Tensor]) -> list[Tensor]:
        return [tensor.to("cpu", copy=True).contiguous() for tensor in tensors]

    biases = None if network.biases is None else copies(network.biases)
    return StackedNetwork(copies(network.weights), biases, network.nonlinearity)


def train_alone(spec: TrainingSpec, data: TrainingData) -> Trained:
    """One model from beginning to end in a pack of its own: the bits that every other pack must give it too."""
    trainer = Trainer(spec, 1, data, device=data.rows.device)
    trainer.put(0, spec)
    while not trainer.run():
        pass
    return trainer.take(0)
