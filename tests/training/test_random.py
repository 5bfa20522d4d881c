"""Streams: known answers, properties, and pinned draws that no later version may change."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sensdb.training.random import (
    Purpose,
    _stable_argsort,
    below,
    initial_weights,
    noisy_labels,
    permutation,
    permutations,
    philox,
    uniform,
    words,
)

WORD = st.integers(0, 2**32 - 1)
ALL_ONES = 0xFFFFFFFF

PERMUTATION = [6, 2, 1, 7, 9, 0, 3, 8, 4, 5]
PERMUTATION_OF_THE_LAST_SEED = [5, 3, 1, 4, 0, 6, 2]
LABELS = [0, 2, 0, 9, 0, 0, 0, 8, 1, 0]
WEIGHTS = [
    -0.9161685181304589,
    0.0033459697855414946,
    0.1887896816461385,
    0.10434802187001913,
    -0.3459214543081218,
    2.4561781348971077,
]


def philox_in_plain_integers(key: list[int], counter: list[int]) -> list[int]:
    """Philox4x32-10 as published, on Python's unbounded integers."""
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(10):
        p0, p2 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p2 >> 32) ^ c1 ^ k0, p2 & ALL_ONES, (p0 >> 32) ^ c3 ^ k1, p0 & ALL_ONES
        k0, k1 = (k0 + 0x9E3779B9) & ALL_ONES, (k1 + 0xBB67AE85) & ALL_ONES
    return [c0, c1, c2, c3]


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        (0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (ALL_ONES, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    ],
)
def test_philox_gives_the_published_answers(word: int, answer: list[int]) -> None:
    counter = torch.tensor([word])

    given_words = philox((word, word), (counter, word, word, word))

    assert [int(w) for w in given_words] == answer


@given(st.lists(WORD, min_size=2, max_size=2), st.lists(WORD, min_size=4, max_size=4))
def test_philox_in_tensors_equals_philox_in_plain_integers(key: list[int], counter: list[int]) -> None:
    given_words = philox((key[0], key[1]), tuple(torch.tensor([c]) for c in counter))  # type: ignore[arg-type]

    assert [int(w) for w in given_words] == philox_in_plain_integers(key, counter)


def test_words_put_seed_step_purpose_and_version_where_the_spec_has_them() -> None:
    seed, step, index = 2**40 + 3, 2**33 + 5, 7

    given_words = words(seed, Purpose.SHUFFLE, step, torch.tensor([index]))

    expected = philox_in_plain_integers([3, 2**8], [index, 5, (2 << 8) | 2, 1])
    assert [int(w) for w in given_words] == expected


@given(st.integers(0, 2**53 - 1), st.integers(0, 10_000), st.integers(1, 300))
@settings(max_examples=50)
def test_a_permutation_holds_every_point_once(seed: int, epoch: int, n: int) -> None:
    order = permutation(seed, epoch, n)

    assert order.sort().values.tolist() == list(range(n))


def test_an_epochs_permutation_does_not_depend_on_the_epochs_prepared_with_it() -> None:
    together = permutations(3, 5, 40, 1001)

    assert torch.equal(together[7], permutation(3, 12, 1001))


def test_permutations_of_seeds_and_epochs_differ() -> None:
    orders = [permutation(seed, epoch, 50).tolist() for seed in range(3) for epoch in range(3)]

    assert len({tuple(order) for order in orders}) == 9


def test_all_orders_of_four_points_are_equally_frequent() -> None:
    n_epochs = 24_000
    codes = permutations(1, 0, n_epochs, 4) @ torch.tensor([64, 16, 4, 1])

    counts = codes.unique(return_counts=True)[1]

    # Chi-squared with 23 degrees of freedom is below 50 with probability 0.9991.
    assert len(counts) == 24
    assert float(((counts - 1000.0) ** 2 / 1000.0).sum()) < 50


def test_equal_keys_keep_the_order_of_their_indices() -> None:
    keys = torch.tensor([[3, 1, 3, 1, 2] * 40])

    assert torch.equal(_stable_argsort(keys), torch.argsort(keys, dim=1, stable=True))


def test_uniforms_are_multiples_of_two_to_the_minus_24_below_one() -> None:
    word = torch.tensor([0, 255, 256, ALL_ONES])

    assert uniform(word).tolist() == [0.0, 0.0, 2.0**-24, 1.0 - 2.0**-24]


def test_below_covers_its_range_evenly() -> None:
    drawn = below(words(0, Purpose.MEASUREMENT, 0, torch.arange(70_000))[0], 7)

    counts = torch.bincount(drawn, minlength=7)

    assert len(counts) == 7
    assert counts.sub(10_000).abs().max() < 400  # four standard deviations


@pytest.mark.parametrize(("nonlinearity", "variance"), [("relu", 2.0), ("hard_sigmoid", 2.0), ("tanh", 1.0)])
def test_initial_weights_have_the_papers_standard_deviation(nonlinearity: str, variance: float) -> None:
    first, last = initial_weights(4, 8.0, nonlinearity, (400, 300, 200))

    assert first.shape == (300, 400)
    assert last.shape == (200, 300)
    assert abs(float(first.mean())) < 0.1 * float(first.std())
    assert float(first.std()) == pytest.approx(8.0 * math.sqrt(variance / 400), rel=0.01)
    assert float(last.std()) == pytest.approx(8.0 * math.sqrt(variance / 300), rel=0.01)


def test_initial_weights_are_normal() -> None:
    z = initial_weights(0, 1.0, "tanh", (1, 100_000))[0].ravel()

    shares = [float((z < level).double().mean()) for level in (-2.0, -1.0, 0.0, 1.0, 2.0)]

    assert shares == pytest.approx([0.0228, 0.1587, 0.5, 0.8413, 0.9772], abs=0.005)
    assert torch.isfinite(z).all()


def test_label_noise_redraws_exactly_its_share() -> None:
    labels = torch.zeros(1001, dtype=torch.int64)

    noisy = noisy_labels(9, 0.5, labels, 1_000_000)

    # With a million classes none is redrawn as itself but by rare chance: 501 = floor(500.5 + 1/2).
    assert int((noisy != labels).sum()) == 501


def test_random_labels_leave_one_in_ten_right_and_use_all_classes_evenly() -> None:
    labels = torch.arange(50_000) % 10

    noisy = noisy_labels(1, 1.0, labels, 10)

    assert float((noisy == labels).double().mean()) == pytest.approx(0.1, abs=0.006)
    assert torch.bincount(noisy, minlength=10).sub(5000).abs().max() < 300


def test_no_label_noise_changes_no_label() -> None:
    labels = torch.arange(20) % 3

    assert torch.equal(noisy_labels(1, 0.0, labels, 3), labels)


def test_more_label_noise_keeps_what_less_redrew() -> None:
    labels = torch.zeros(500, dtype=torch.int64)

    less, more = (noisy_labels(2, share, labels, 10) for share in (0.2, 0.6))

    changed = less != 0
    assert torch.equal(more[changed], less[changed])


def test_draws_of_spec_version_1_never_change() -> None:
    """Changing any of these numbers would change every model: that takes a new spec_version."""
    weights = initial_weights(7, 1.0, "relu", (3, 2))[0]

    assert permutation(0, 0, 10).tolist() == PERMUTATION
    assert permutation(2**53 - 1, 3, 7).tolist() == PERMUTATION_OF_THE_LAST_SEED
    assert noisy_labels(0, 0.5, torch.zeros(10, dtype=torch.int64), 10).tolist() == LABELS
    assert weights.ravel().tolist() == pytest.approx(WEIGHTS, rel=1e-14)
