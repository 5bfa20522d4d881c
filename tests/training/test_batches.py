"""What a step number means: batches, check grid, learning rate."""

from __future__ import annotations

import pytest
import torch

from sensdb.training.batches import Shuffle, check_steps, learning_rates
from sensdb.training.random import permutation


def grid(batches_an_epoch: int, max_steps: int) -> list[int]:
    return list(check_steps(batches_an_epoch, max_steps, only_at_the_end=False))


def test_checks_come_every_epoch_at_first_and_at_the_end() -> None:
    assert grid(37, 150) == [37, 74, 111, 148, 150]


def test_short_epochs_are_checked_every_ten_steps() -> None:
    assert grid(1, 45) == [10, 20, 30, 40, 45]


def test_checks_grow_by_a_twentieth_of_the_steps() -> None:
    steps = grid(10, 400)

    # 10, 20, ..., 220 in tens; from 220 on floor(220 / 20) = 11 and more.
    assert steps[:22] == list(range(10, 221, 10))
    assert steps[22:26] == [231, 242, 254, 266]
    assert steps[-1] == 400


def test_a_check_on_the_last_step_comes_once() -> None:
    assert grid(10, 30) == [10, 20, 30]


def test_fewer_steps_than_the_first_check_are_checked_at_the_end() -> None:
    assert grid(100, 7) == [7]


def test_stop_never_checks_at_the_end_alone() -> None:
    assert list(check_steps(10, 1000, only_at_the_end=True)) == [1000]


def test_the_learning_rate_drops_to_a_tenth_every_so_many_epochs() -> None:
    rates = learning_rates(0.5, 2, batches_an_epoch=3, first_step=4, n_steps=10)

    assert rates == pytest.approx([0.5] * 2 + [0.05] * 6 + [0.005] * 2)


def test_without_drops_the_learning_rate_stays() -> None:
    assert learning_rates(0.5, None, 3, 10**6, 2) == [0.5, 0.5]


def test_batches_follow_the_epochs_permutation_and_drop_its_tail() -> None:
    shuffle = Shuffle(seed=4, n=23, batch_size=5, last_step=8)

    batches = shuffle.batches(0, 8)

    assert shuffle.batches_an_epoch == 4
    assert torch.equal(batches[:4].ravel(), permutation(4, 0, 23)[:20])
    assert torch.equal(batches[4:].ravel(), permutation(4, 1, 23)[:20])


@pytest.mark.parametrize("n", [64, 30_000])
def test_any_stretch_of_batches_is_the_same_however_it_is_asked_for(n: int) -> None:
    shuffle = Shuffle(seed=1, n=n, batch_size=n // 3, last_step=20)
    whole = Shuffle(seed=1, n=n, batch_size=n // 3, last_step=20).batches(0, 40)

    later, earlier = shuffle.batches(11, 25), shuffle.batches(2, 3)

    assert torch.equal(later, whole[11:36])
    assert torch.equal(earlier, whole[2:5])


def test_batches_are_made_on_the_device_that_wants_them() -> None:
    batches = Shuffle(seed=1, n=100, batch_size=32, last_step=9, device="meta").batches(0, 4)

    assert (batches.device.type, batches.shape) == ("meta", (4, 32))
