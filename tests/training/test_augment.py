"""Augmentation: only permutations of an image's numbers, drawn evenly, the same for a model wherever it is trained."""

from __future__ import annotations

import pytest
import torch

from sensdb.errors import TrainingError
from sensdb.training.augment import Augmentation
from tests.training.models import a_spec, made_up_data, made_up_info, same_bits, train_pack

SHAPE = (8, 8, 3)
ALL = ("translate", "flip", "rotate")


def image_of(shape: tuple[int, int, int]) -> torch.Tensor:
    height, width, channels = shape
    return torch.arange(height * width * channels).view(shape)


def test_every_variant_is_a_permutation_of_the_image() -> None:
    sources = Augmentation(ALL, SHAPE, "cpu").sources

    assert sources.shape == (9 * 9 * 2 * 4, 192)
    assert torch.equal(sources.sort(1).values, torch.arange(192).expand(648, -1))


def test_translations_wrap_around_by_up_to_four_pixels() -> None:
    image = image_of(SHAPE)
    expected = {
        tuple(torch.roll(image, (down, right), (0, 1)).ravel().tolist())
        for down in range(-4, 5)
        for right in range(-4, 5)
    }

    rows = Augmentation(("translate",), SHAPE, "cpu").sources

    # A move by 4 and one by -4 are the same in 8 pixels.
    assert {tuple(row) for row in rows.tolist()} == expected
    assert len(expected) == 64


def test_flips_mirror_left_and_right_and_keep_channels() -> None:
    image = image_of((4, 6, 3))

    plain, flipped = Augmentation(("flip",), (4, 6, 3), "cpu").sources.view(2, 4, 6, 3)

    assert torch.equal(plain, image)
    assert torch.equal(flipped, image.flip(1))


def test_rotations_are_by_quarter_turns() -> None:
    image = image_of((5, 5, 1))

    rows = Augmentation(("rotate",), (5, 5, 1), "cpu").sources

    assert torch.equal(rows, torch.stack([torch.rot90(image, turns, (0, 1)).ravel() for turns in range(4)]))


def test_variants_are_even_and_differ_between_steps() -> None:
    augmentation = Augmentation(("flip", "rotate"), SHAPE, "cpu")

    variants = variants_of(augmentation, 3, 200)

    counts = torch.bincount(variants.ravel(), minlength=8)
    assert len(counts) == 8
    assert counts.sub(1000).abs().max() < 150  # five standard deviations
    assert not torch.equal(variants[0], variants[1])


def test_flips_are_the_same_with_and_without_the_others() -> None:
    flips = variants_of(Augmentation(("flip",), SHAPE, "cpu"), 3, 50)

    both = variants_of(Augmentation(("flip", "rotate"), SHAPE, "cpu"), 3, 50)

    assert torch.equal(both // 4, flips)


def test_a_step_has_the_same_variants_however_many_models_and_steps_are_prepared() -> None:
    augmentation = Augmentation(ALL, SHAPE, "cpu")
    seeds, first = torch.tensor([1, 7, 2**53 - 1]), torch.tensor([0, 900, 2**24])

    # 64 * 3 * 500 images are several draws.
    together = augmentation.variants(seeds, first + torch.arange(64)[:, None], 500)

    for step in (0, 11, 63):
        for model in range(3):
            one = slice(model, model + 1)
            alone = augmentation.variants(seeds[one], first[one, None] + step, 500)
            assert torch.equal(alone[0, 0], together[step, model])


def variants_of(augmentation: Augmentation, seed: int, n_steps: int) -> torch.Tensor:
    """Of a model's first steps, [n_steps, 40]."""
    return augmentation.variants(torch.tensor([seed]), torch.arange(n_steps)[:, None], 40)[:, 0]


@pytest.mark.parametrize("batch", [16, "full"])
def test_augmented_training_sees_other_images_and_is_checked_on_the_plain_ones(batch: int | str) -> None:
    info = made_up_info(48)
    plain, augmented = (
        a_spec(info, augmentation=kinds, batch_size=batch, width=40, max_steps=600, seed=1)
        for kinds in (None, ["flip"])
    )

    trained_plain = train_pack([plain], made_up_data(info))[0]
    trained = train_pack([augmented], made_up_data(info))[0]

    assert not same_bits(trained_plain.network, trained.network)
    # Labels of random points say nothing of their mirror images, yet both are learnt: the plain ones are right.
    assert trained_plain.train_accuracy == 1.0
    assert trained.train_accuracy == 1.0


def test_rotations_of_oblong_images_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"^augmentation rotate needs square images, and these are 4 x 6\.$"):
        Augmentation(("rotate",), (4, 6, 1), "cpu")
