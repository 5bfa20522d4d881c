"""Slots, stop rules, divergence and refusals of the training loop."""

from __future__ import annotations

import math

import pytest
import torch

from sensdb.errors import TrainingError
from sensdb.training.batches import check_steps
from sensdb.training.checks import loss_and_accuracy
from sensdb.training.packing import ENGINE_VERSION, device_class, plan_slots
from sensdb.training.random import noisy_labels
from sensdb.training.trainer import Trainer, train_alone
from tests.training.models import a_spec, made_up_data, made_up_info, same_bits, train_pack

INFO = made_up_info()
DATA = made_up_data(INFO)


def test_stop_never_trains_its_budget_and_reports_the_last_check() -> None:
    spec = a_spec(INFO, max_steps=83, label_noise=0.3)

    trained = train_alone(spec, DATA)

    labels = noisy_labels(spec.seed, 0.3, DATA.labels, INFO.n_classes)
    loss, accuracy = loss_and_accuracy(trained.network, DATA.x, labels, "cross_entropy")
    assert (trained.steps, trained.stop_reason) == (83, "budget")
    assert (trained.train_loss, trained.train_accuracy) == (loss, accuracy)
    assert trained.fitted == (accuracy == 1.0)


def test_stop_fitted_ends_at_the_first_check_with_all_points_right() -> None:
    spec = a_spec(INFO, max_steps=5000, stop="fitted", n_train=40, width=50)

    trained = train_alone(spec, DATA)

    grid = list(check_steps(40 // 16, 5000, only_at_the_end=False))
    before = grid[grid.index(trained.steps) - 1]
    earlier = train_alone(a_spec(INFO, max_steps=before, n_train=40, width=50), DATA)
    assert trained.stop_reason == "fitted"
    assert trained.fitted
    assert trained.train_accuracy == 1.0
    assert not earlier.fitted


def test_stop_at_a_loss_ends_at_the_first_check_below_it() -> None:
    spec = a_spec(INFO, max_steps=5000, stop="loss < 0.2", n_train=40, width=50)

    trained = train_alone(spec, DATA)

    grid = list(check_steps(40 // 16, 5000, only_at_the_end=False))
    before = grid[grid.index(trained.steps) - 1]
    earlier = train_alone(a_spec(INFO, max_steps=before, n_train=40, width=50), DATA)
    assert trained.stop_reason == "loss"
    assert trained.train_loss is not None
    assert trained.train_loss < 0.2
    assert earlier.train_loss is not None
    assert earlier.train_loss >= 0.2


def test_a_stop_rule_that_is_never_met_ends_with_the_budget() -> None:
    trained = train_alone(a_spec(INFO, max_steps=70, stop="loss < 1e-9"), DATA)

    assert (trained.steps, trained.stop_reason) == (70, "budget")


def test_stopping_does_not_change_the_way_there() -> None:
    stopped = train_alone(a_spec(INFO, max_steps=5000, stop="fitted", n_train=40, width=50), DATA)

    budget = train_alone(a_spec(INFO, max_steps=stopped.steps, n_train=40, width=50), DATA)

    assert same_bits(stopped.network, budget.network)


def test_a_diverged_model_is_a_result_that_names_the_step() -> None:
    trained = train_alone(a_spec(INFO, learning_rate=1e30, max_steps=900), DATA)

    assert trained.stop_reason == "diverged"
    assert 2 <= trained.steps <= 4
    assert not trained.fitted
    assert trained.train_loss is None
    assert trained.train_accuracy is None
    assert trained.metrics()["steps"] == trained.steps


@pytest.mark.parametrize("stop", ["never", "fitted"])
def test_the_step_of_divergence_does_not_depend_on_when_it_is_seen(stop: str) -> None:
    lively = {"learning_rate": 4.0, "loss": "squared", "width": 30}
    early = train_alone(a_spec(INFO, **lively, max_steps=5000, stop="fitted"), DATA)

    trained = train_alone(a_spec(INFO, **lively, max_steps=5000, stop=stop), DATA)

    assert trained.stop_reason == early.stop_reason == "diverged"
    assert trained.steps == early.steps


def test_a_loss_that_is_not_finite_only_at_the_last_check_is_divergence_too() -> None:
    spec = a_spec(INFO, learning_rate=1e38, max_steps=1)

    trained = train_alone(spec, DATA)

    assert (trained.stop_reason, trained.steps, trained.train_loss) == ("diverged", 1, None)


def test_a_diverged_slot_is_refilled_clean() -> None:
    diverging, sound = a_spec(INFO, learning_rate=1e30, max_steps=40), a_spec(INFO, seed=5)

    refilled = train_pack([diverging, sound], DATA, slots=1)

    assert refilled[0].stop_reason == "diverged"
    assert same_bits(refilled[1].network, train_alone(sound, DATA).network)


def test_slots_are_free_until_put_and_again_after_take() -> None:
    trainer = Trainer(a_spec(INFO), 3, DATA)
    trainer.put(1, a_spec(INFO, max_steps=20))
    trainer.put(0, a_spec(INFO, max_steps=500))

    free_before, active_before = trainer.free_slots, trainer.active_slots
    ended = trainer.run(seconds=60.0)
    free_while_untaken = trainer.free_slots
    trainer.take(1)

    assert (free_before, active_before) == ([2], [0, 1])
    assert ended == [1]
    assert free_while_untaken == [2]
    assert trainer.free_slots == [1, 2]
    assert trainer.active_slots == [0]
    assert trainer.model_steps == 40
    assert trainer.furthest_step == 20


def test_median_loss_is_that_of_the_last_minibatches() -> None:
    trainer = Trainer(a_spec(INFO), 2, DATA)
    nothing_yet = trainer.median_loss
    trainer.put(0, a_spec(INFO, weight_scale=1e-6))

    trainer.run(seconds=0.0)

    assert nothing_yet is None
    assert trainer.median_loss == pytest.approx(math.log(INFO.n_classes), abs=1e-3)


def test_seconds_of_a_pack_are_shared_by_its_models() -> None:
    trained = train_pack([a_spec(INFO, seed=seed, max_steps=200) for seed in range(4)], DATA)

    assert all(0.0 < one.train_seconds < 10.0 for one in trained)


def test_a_trained_network_owns_its_memory() -> None:
    trainer = Trainer(a_spec(INFO), 1, DATA)
    trainer.put(0, a_spec(INFO, max_steps=20))
    trainer.run(60.0)
    first = trainer.take(0).network
    kept = [weight.clone() for weight in first.weights]
    trainer.put(0, a_spec(INFO, max_steps=20, seed=9))
    trainer.run(60.0)

    assert all(torch.equal(weight, copy) for weight, copy in zip(first.weights, kept, strict=True))
    assert all(weight.is_contiguous() and not weight.requires_grad for weight in first.weights)


def test_a_spec_of_another_pack_is_refused() -> None:
    trainer = Trainer(a_spec(INFO), 1, DATA)

    with pytest.raises(
        TrainingError, match=r"^a model of pack key .*/16-8-8-4/.* cannot join a pack of .*16-9-9-4.*\.$"
    ):
        trainer.put(0, a_spec(INFO, width=8))


def test_a_taken_slot_is_refused() -> None:
    trainer = Trainer(a_spec(INFO), 2, DATA)
    trainer.put(0, a_spec(INFO))

    with pytest.raises(TrainingError, match=r"^slot 0 is not one of the free slots \[1\]\.$"):
        trainer.put(0, a_spec(INFO))


def test_dropping_from_an_empty_slot_is_refused() -> None:
    trainer = Trainer(a_spec(INFO), 2, DATA)
    trainer.put(1, a_spec(INFO))

    with pytest.raises(TrainingError, match=r"^slot 0 holds no model; those in use are \[1\]\.$"):
        trainer.drop(0)


def test_an_ended_model_may_be_dropped_instead_of_taken() -> None:
    trainer = Trainer(a_spec(INFO), 1, DATA)
    trainer.put(0, a_spec(INFO, max_steps=5))
    trainer.run(seconds=60.0)

    trainer.drop(0)

    assert trainer.free_slots == [0]


def test_data_on_another_device_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"^training data on cpu, a trainer on meta: one device expected\.$"):
        Trainer(a_spec(INFO), 1, DATA, device="meta")


def test_tiny_models_are_packed_and_large_ones_trained_alone() -> None:
    digits, mnist, cifar = (made_up_info(2000, shape, 10) for shape in ((8, 8, 1), (28, 28, 1), (32, 32, 3)))

    tiny = plan_slots(a_spec(digits, width=50, batch_size=32), made_up_data(digits), "cpu")
    middle = plan_slots(a_spec(mnist, width=100, hidden_layers=3, batch_size=100), made_up_data(mnist), "cpu")
    large = plan_slots(a_spec(cifar, width=100, hidden_layers=3, batch_size=128), made_up_data(cifar), "cpu")

    assert tiny == 64
    assert 3 <= middle <= 6
    assert large == 1


def test_what_results_depend_on_has_a_name() -> None:
    assert ENGINE_VERSION == "2"
    assert device_class("cpu").startswith("cpu-")
    assert device_class(torch.device("cpu")) == device_class("cpu")
