"""Checkpoints: a model goes on in any slot of any pack to the bits it would have had; what does not fit is ignored."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sensdb.definitions.spec import TrainingSpec
from sensdb.training import checkpoint as checkpoints
from sensdb.training.checkpoint import Checkpoint, CheckpointFolder
from sensdb.training.data import TrainingData
from sensdb.training.packing import ENGINE_VERSION
from sensdb.training.trainer import Trainer, train_alone
from tests.training.models import a_spec, made_up_data, made_up_info, same_bits
from tests.training.test_bits import SHAPES, outcome

INFO = made_up_info()
DATA = made_up_data(INFO)


def stopped_half_way(spec: TrainingSpec, data: TrainingData, n_calls: int) -> Checkpoint:
    """The checkpoint of a model after so many steps (of L-BFGS: evaluations), from the second of three slots."""
    trainer = Trainer(spec, 3, data)
    trainer.put(0, replace(spec, seed=90))
    trainer.put(1, spec)
    for _ in range(n_calls):
        trainer.run(seconds=0.0)
    taken = trainer.checkpoint(1)
    assert taken is not None
    return taken


@pytest.mark.parametrize("n_calls", [7, 23])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_model_goes_on_in_another_pack_to_the_same_bits(tmp_path: Path, shape: str, n_calls: int) -> None:
    spec = a_spec(INFO, seed=3, **SHAPES[shape])
    data = made_up_data(INFO, spec.dtype)
    folder = CheckpointFolder(tmp_path, "cpu")
    folder.write(stopped_half_way(spec, data, n_calls))
    trainer = Trainer(spec, 7, data)
    for slot in range(3):
        trainer.put(slot, replace(spec, seed=50 + slot))
    trainer.run(seconds=0.0)

    found = folder.read(spec)
    assert found is not None
    trainer.put(6, spec, found)
    ended: list[int] = []
    while 6 not in ended:
        ended += trainer.run()

    resumed, alone = trainer.take(6), train_alone(spec, data)
    assert 0 < found.steps < spec.max_steps
    assert same_bits(resumed.network, alone.network)
    assert outcome(resumed) == outcome(alone)
    assert resumed.train_seconds > found.seconds > 0


@pytest.mark.parametrize("steps", [63, 64, 65, 128, 1000, 1001])
@pytest.mark.parametrize("batch_size", [16, "full"])
def test_a_model_may_be_stopped_wherever_the_window_of_prepared_steps_stands(steps: int, batch_size: object) -> None:
    spec = a_spec(INFO, max_steps=1100, batch_size=batch_size, width=3, hidden_layers=1)
    taken = stopped_half_way(spec, DATA, steps)
    trainer = Trainer(spec, 1, DATA)

    trainer.put(0, spec, taken)
    while not trainer.run():
        pass

    assert taken.steps == steps
    assert same_bits(trainer.take(0).network, train_alone(spec, DATA).network)


@pytest.mark.parametrize("optimizer", ["momentum", "lbfgs"])
@pytest.mark.parametrize("stop", ["fitted", "loss < 0.05"])
def test_a_model_stopped_and_gone_on_with_again_and_again_ends_at_the_same_check(optimizer: str, stop: str) -> None:
    batch = {"batch_size": "full"} if optimizer == "lbfgs" else {}
    spec = a_spec(INFO, max_steps=3000, stop=stop, n_train=120, label_noise=0.5, width=12, optimizer=optimizer, **batch)
    taken: Checkpoint | None = None
    for n_calls in (3, 1, 5, 4, 2):
        trainer = Trainer(spec, 1, DATA)
        trainer.put(0, spec, taken)
        for _ in range(n_calls):
            assert trainer.run(seconds=0.0) == []
        taken = trainer.checkpoint(0) or taken

    while not trainer.run():
        pass

    resumed, alone = trainer.take(0), train_alone(spec, DATA)
    assert alone.stop_reason in ("fitted", "loss")
    assert outcome(resumed) == outcome(alone)
    assert same_bits(resumed.network, alone.network)


def test_a_model_that_has_diverged_unseen_ends_diverged_at_the_same_step() -> None:
    spec = a_spec(INFO, learning_rate=1e30, max_steps=500)
    taken = stopped_half_way(spec, DATA, 20)
    trainer = Trainer(spec, 1, DATA)

    trainer.put(0, spec, taken)
    while not trainer.run():
        pass

    assert 0 < taken.bad_step < taken.steps
    assert outcome(trainer.take(0)) == outcome(train_alone(spec, DATA))


def test_a_model_before_its_first_step_has_no_checkpoint() -> None:
    trainer = Trainer(a_spec(INFO), 1, DATA)
    trainer.put(0, a_spec(INFO))

    assert trainer.checkpoint(0) is None


@pytest.mark.parametrize("optimizer", ["momentum", "lbfgs"])
def test_taking_a_checkpoint_changes_nothing(optimizer: str) -> None:
    batch = {"batch_size": "full"} if optimizer == "lbfgs" else {}
    spec = a_spec(INFO, optimizer=optimizer, **batch)
    trainer = Trainer(spec, 1, DATA)
    trainer.put(0, spec)

    while not trainer.run(seconds=0.0):
        trainer.checkpoint(0)

    assert same_bits(trainer.take(0).network, train_alone(spec, DATA).network)


def test_what_is_written_is_read_again_and_only_the_last(tmp_path: Path) -> None:
    folder, spec = CheckpointFolder(tmp_path / "made" / "here", "cpu"), a_spec(INFO)
    first, last = stopped_half_way(spec, DATA, 5), stopped_half_way(spec, DATA, 9)

    folder.write(first)
    folder.write(last)
    found = folder.read(spec)

    assert found is not None
    assert (found.spec_sha256, found.steps, found.bad_step, found.seconds) == (spec.spec_sha256, 9, 0, last.seconds)
    assert found.tensors.keys() == last.tensors.keys()
    assert all(torch.equal(found.tensors[name], last.tensors[name]) for name in last.tensors)
    assert [path.name for path in (tmp_path / "made" / "here").iterdir()] == [f"{spec.spec_sha256}.safetensors"]


def test_there_is_no_checkpoint_where_none_was_written_or_it_was_removed(tmp_path: Path) -> None:
    folder, spec = CheckpointFolder(tmp_path / "not made", "cpu"), a_spec(INFO)
    assert folder.read(spec) is None
    folder.prune()
    folder.remove(spec)

    folder.write(stopped_half_way(spec, DATA, 5))
    folder.remove(spec)

    assert folder.read(spec) is None


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def cut_in_the_head(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:30])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def turn_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def replace_by_another_format(path: Path) -> None:
    save_file(load_file(path), path)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (shorten, "incomplete"),
        (cut_in_the_head, "header"),
        (empty, "header"),
        (turn_a_bit, "its numbers are not those that were written"),
        (replace_by_another_format, "format None, not sensdb checkpoint 1"),
    ],
)
def test_a_damaged_or_foreign_file_is_ignored_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None], why: str
) -> None:
    folder, spec = CheckpointFolder(tmp_path, "cpu"), a_spec(INFO)
    folder.write(stopped_half_way(spec, DATA, 5))
    damage(folder.path(spec.spec_sha256))

    with caplog.at_level(logging.INFO, "sensdb"):
        found = folder.read(spec)

    assert found is None
    (message,) = caplog.messages
    assert message.startswith(f"checkpoint {folder.path(spec.spec_sha256)} ignored: ")
    assert why.lower() in message.lower()


def test_a_file_of_another_engine_is_ignored_and_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, spec = CheckpointFolder(tmp_path, "cpu"), a_spec(INFO)
    taken = stopped_half_way(spec, DATA, 5)
    folder.write(replace(taken, engine_version="0"))

    with caplog.at_level(logging.INFO, "sensdb"):
        assert folder.read(spec) is None
    folder.write(taken)

    assert f"ignored: engine_version 0, not {ENGINE_VERSION}." in caplog.text
    assert folder.read(spec) is not None


@pytest.mark.parametrize(
    ("name", "changed"),
    [("device_class", "NVIDIA H100"), ("torch", "2.0.0"), ("format", "sensdb checkpoint 2")],
)
def test_a_file_of_another_kind_of_arithmetic_is_ignored_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, changed: str
) -> None:
    elsewhere, here, spec = CheckpointFolder(tmp_path, "cpu"), CheckpointFolder(tmp_path, "cpu"), a_spec(INFO)
    taken = stopped_half_way(spec, DATA, 5)
    elsewhere._arithmetic[name] = changed
    elsewhere.write(taken)

    with caplog.at_level(logging.INFO, "sensdb"):
        assert here.read(spec) is None
    here.write(taken)

    assert f"ignored: {name} {changed}, not {here._arithmetic[name]}." in caplog.text
    assert here.read(spec) is not None


def test_a_file_under_the_name_of_another_spec_is_ignored(tmp_path: Path) -> None:
    folder, spec, other = CheckpointFolder(tmp_path, "cpu"), a_spec(INFO), a_spec(INFO, seed=1)
    folder.write(stopped_half_way(spec, DATA, 5))

    folder.path(spec.spec_sha256).rename(folder.path(other.spec_sha256))

    assert folder.read(other) is None


def test_a_folder_that_cannot_be_written_to_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        CheckpointFolder(tmp_path / "file", "cpu").write(stopped_half_way(a_spec(INFO), DATA, 5))


def test_a_failed_write_leaves_the_earlier_checkpoint_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, spec = CheckpointFolder(tmp_path, "cpu"), a_spec(INFO)
    folder.write(stopped_half_way(spec, DATA, 5))

    def full_disk(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "_to_disk", full_disk)
    with pytest.raises(OSError, match="No space left"):
        folder.write(stopped_half_way(spec, DATA, 9))

    found = folder.read(spec)
    assert found is not None
    assert found.steps == 5
    assert len(list(tmp_path.iterdir())) == 1


def test_files_that_nobody_has_touched_for_a_month_are_removed(tmp_path: Path) -> None:
    folder, spec, other = CheckpointFolder(tmp_path, "cpu"), a_spec(INFO), a_spec(INFO, seed=1)
    folder.write(stopped_half_way(spec, DATA, 5))
    folder.write(stopped_half_way(other, DATA, 5))
    (tmp_path / ".killed.part").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("of a person")
    long_ago = time.time() - 31 * 24 * 3600
    for name in (f"{spec.spec_sha256}.safetensors", ".killed.part", "notes.txt"):
        os.utime(tmp_path / name, (long_ago, long_ago))

    folder.prune()

    assert {path.name for path in tmp_path.iterdir()} == {f"{other.spec_sha256}.safetensors", "notes.txt"}
