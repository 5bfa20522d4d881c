"""Steps repeated from a record equal steps run one by one: nothing of a step is left to Python once it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sensdb.training import gradient_pack
from sensdb.training.optimizers import Adam, make_optimizer
from sensdb.training.recorded import RecordedSteps, run_length
from tests.training.models import a_spec, made_up_data, made_up_info, same_bits, train_pack
from tests.training.test_bits import neighbours

INFO = made_up_info(120, (4, 4, 1), 4)
SHAPES = {
    "momentum": {"max_steps": 200},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "rmsprop with biases": {"optimizer": "rmsprop", "learning_rate": 0.01, "biases": True},
    "odd sizes": {"width": [7, 33, 5], "hidden_layers": 3, "batch_size": 13},
    "squared, float64": {"loss": "squared", "dtype": "float64"},
    "full batch": {"batch_size": "full", "n_train": 77},
    "augmentation": {"augmentation": ["translate", "flip", "rotate"]},
    "learning-rate drops": {"learning_rate_drop_epochs": 1},
}


class Recorder(TorchDispatchMode):
    """What a CUDA graph is, on the host: kernels noted with the memory they work on, and run when repeated alone.

    A kernel that writes to what it was given is noted and not run; one that makes a tensor is run to have the tensor.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kernels: list[Callable[[], object]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        written = [each for each in func._schema.arguments if each.alias_info is not None and each.alias_info.is_write]
        if written:
            self._kernels.append(lambda: func(*args, **given))
            first = written[0]
            return given[first.name] if first.kwarg_only else args[func._schema.arguments.index(first)]
        made = func(*args, **given)
        is_view = any(each.alias_info is not None for each in func._schema.returns)
        if not is_view and isinstance(made, torch.Tensor):
            self._kernels.append(lambda: made.copy_(func(*args, **given)))
        return made

    def repeat(self) -> None:
        for kernel in self._kernels:
            kernel()


def record(call: Callable[[], None]) -> Callable[[], object]:
    recorder = Recorder()
    with recorder:
        call()
    return recorder.repeat


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pack_of_recorded_steps_gives_the_bits_of_one_that_runs_them(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = a_spec(INFO, seed=3, **SHAPES[shape])
    if spec.optimizer == "adam":  # as on a GPU; the host's own takes numbers out of tensors
        monkeypatch.setattr(gradient_pack, "make_optimizer", lambda *given: Adam())
    specs = [spec, *neighbours(spec, INFO, 6)]
    data = made_up_data(INFO, spec.dtype)
    run = train_pack(specs, data, slots=3)  # models leave, and others come into their places
    monkeypatch.setattr(gradient_pack, "record_on", lambda device: record)

    repeated = train_pack(specs, data, slots=3)

    assert sum(other.stop_reason != "diverged" for other in run) >= 4
    for one, other in zip(repeated, run, strict=True):
        assert other.stop_reason == "diverged" or same_bits(one.network, other.network)
        assert (one.steps, one.stop_reason, one.train_loss) == (other.steps, other.stop_reason, other.train_loss)


@pytest.mark.parametrize("optimizer", ["momentum", "adam", "rmsprop"])
def test_a_pack_that_was_warmed_up_is_empty(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_pack, "record_on", lambda device: record)
    monkeypatch.setattr(
        gradient_pack, "make_optimizer", make_optimizer if optimizer != "adam" else lambda *given: Adam()
    )
    spec = a_spec(INFO, optimizer=optimizer)

    pack = gradient_pack.GradientPack(spec, 3, made_up_data(INFO))

    assert pack.gradient is not None
    for tensors in (pack.parameters, pack.gradient, *pack.states):
        assert all(torch.count_nonzero(block) == 0 for block in tensors.blocks)  # NaN would count
    assert torch.count_nonzero(pack.window.sums) == 0


def test_what_is_recorded_has_no_effect_until_it_is_repeated() -> None:
    total = torch.zeros(3)
    repeat = record(lambda: total.add_(torch.ones(3).sum()))

    assert total.tolist() == [0.0, 0.0, 0.0]
    repeat()
    repeat()
    assert total.tolist() == [6.0, 6.0, 6.0]


def test_runs_cover_every_step_once_in_order_and_are_recorded_once() -> None:
    seen: list[int] = []
    n_recorded = 0

    def noted(call: Callable[[], None]) -> Callable[[], object]:
        nonlocal n_recorded
        n_recorded += 1
        return call

    steps = RecordedSteps(seen.append, noted)
    for first, last in [(0, 64), (0, 10), (10, 64), (0, 64), (0, 10), (10, 64)]:
        position = first
        while position < last:
            position += steps.advance(position, last)

    assert seen == [*range(64), *range(64)] * 2
    assert n_recorded == 1 + 2 + 4  # 0-64; 0-8, 8-10; 10-12, 12-16, 16-32, 32-64


def test_a_run_is_the_longest_that_begins_at_a_multiple_of_itself() -> None:
    for first in range(64):
        for last in range(first + 1, 65):
            length = run_length(first, last)
            assert first % length == 0
            assert first + length <= last
            assert first % (2 * length) or first + 2 * length > last
