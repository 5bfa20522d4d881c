"""Training subsets, crops and standardisation."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sensdb.datasets.arrays import SplitArrays, arrays_digest, point_order
from sensdb.datasets.catalogue import DatasetInfo
from sensdb.datasets.prepare import (
    Dataset,
    crop_images,
    image_statistics,
    load_dataset,
    standardise,
    training_order,
    training_subset,
)
from sensdb.errors import ShapeError

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60)
PICTURES = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=4, max_dims=4, max_side=6))


def _dataset(labels: list[int]) -> Dataset:
    y = np.array(labels, dtype=np.int64)
    x = np.zeros((len(y), 2, 2, 1), dtype=np.uint8)
    split = SplitArrays(x, y, x, y)
    return Dataset(DatasetInfo("mnist", len(y), len(y), 2, 2, 1, 5, ""), *split, checksum=arrays_digest(split))


def test_points_are_ordered_by_the_hash_of_name_and_number() -> None:
    order = point_order("digits", 1797)

    keys = [hashlib.sha256(f"digits:{i}".encode()).hexdigest() for i in order]
    assert order[:4].tolist() == [180, 937, 216, 31]
    assert keys == sorted(keys)
    assert sorted(order.tolist()) == list(range(1797))


@given(labels=LABELS)
def test_the_training_order_is_a_permutation(labels: list[int]) -> None:
    assert sorted(training_order(_dataset(labels)).tolist()) == list(range(len(labels)))


@given(labels=LABELS, data=st.data())
def test_every_prefix_is_as_balanced_as_the_classes_allow(labels: list[int], data: st.DataObject) -> None:
    n_train = data.draw(st.integers(1, len(labels)))

    chosen = Counter(labels[i] for i in training_subset(_dataset(labels), n_train))

    there, most = Counter(labels), max(chosen.values())
    # A class is behind the largest by at most one point, unless all its points are used.
    assert all(chosen[label] >= min(there[label], most - 1) for label in there)


@given(labels=LABELS, data=st.data())
def test_a_smaller_subset_begins_a_larger_one(labels: list[int], data: st.DataObject) -> None:
    dataset = _dataset(labels)
    n_train = data.draw(st.integers(1, len(labels)))

    np.testing.assert_array_equal(training_subset(dataset, n_train), training_subset(dataset, None)[:n_train])


def test_rounds_and_places_within_them_follow_the_point_order() -> None:
    labels = [0, 0, 0, 0, 1, 1, 1, 2]
    place = {int(point): rank for rank, point in enumerate(point_order("mnist", 8))}

    order = training_order(_dataset(labels)).tolist()

    rounds = [order[0:3], order[3:5], order[5:7], order[7:8]]
    assert [sorted(labels[i] for i in each) for each in rounds] == [[0, 1, 2], [0, 1], [0, 1], [0]]
    assert all([place[i] for i in each] == sorted(place[i] for i in each) for each in rounds)
    assert [place[i] for i in order if labels[i] == 0] == sorted(place[i] for i in range(4))


def test_an_order_belongs_to_its_caller() -> None:
    dataset = _dataset([0, 1, 2, 3, 4])
    first = training_order(dataset)
    first[:] = 0

    assert sorted(training_order(dataset).tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("n_train", [0, -1, 6])
def test_a_subset_beyond_the_data_is_refused(n_train: int) -> None:
    with pytest.raises(ShapeError) as raised:
        training_subset(_dataset([0, 1, 2, 3, 4]), n_train)

    assert raised.value.message == f"n_train {n_train} of mnist: 1 to 5 expected."


def test_a_crop_is_the_centre_with_the_larger_margin_below_and_right() -> None:
    x = np.arange(5 * 6).reshape(1, 5, 6, 1)

    assert crop_images(x, 2)[0, :, :, 0].tolist() == [[8, 9], [14, 15]]
    assert crop_images(x, 3)[0, :, :, 0].tolist() == [[7, 8, 9], [13, 14, 15], [19, 20, 21]]
    assert crop_images(x, None) is x


def test_the_crop_of_the_paper_leaves_four_pixels_on_each_side() -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)

    np.testing.assert_array_equal(crop_images(x, 24), x[:, 4:28, 4:28])


@pytest.mark.parametrize("side", [0, 5])
def test_a_crop_larger_than_the_picture_is_refused(side: int) -> None:
    with pytest.raises(ShapeError) as raised:
        crop_images(np.zeros((1, 4, 6, 1)), side)

    assert raised.value.message == f"crop {side} of pictures of 4 x 6: 1 to 4 expected."


@given(x=PICTURES)
def test_a_standardised_picture_has_mean_zero_and_length_root_d(x: npt.NDArray[np.uint8]) -> None:
    flat = standardise(x, np.float64)

    varied = [len(np.unique(picture)) > 1 for picture in x]
    d = x[0].size
    # Rounding of d products and sums of numbers up to sqrt(d) in float64.
    np.testing.assert_allclose(flat.sum(axis=1), 0, atol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(flat, axis=1), np.where(varied, np.sqrt(d), 0), rtol=1e-12)


@given(x=PICTURES, dtype=st.sampled_from([np.float32, np.float64]))
def test_the_formula_is_that_which_a_device_would_apply_to_bytes(x: npt.NDArray[np.uint8], dtype: Any) -> None:
    mean, reciprocal = image_statistics(x)

    flat = standardise(x, dtype)

    one_by_one = [
        (pixels.astype(dtype) - dtype(mean[i])) * dtype(reciprocal[i]) for i, pixels in enumerate(x.reshape(len(x), -1))
    ]
    assert flat.dtype == dtype
    np.testing.assert_array_equal(flat, np.array(one_by_one))


@given(x=PICTURES)
def test_bytes_and_the_same_numbers_as_floats_agree(x: npt.NDArray[np.uint8]) -> None:
    mean, reciprocal = image_statistics(x)

    float_mean, float_reciprocal = image_statistics(x.astype(np.float32))

    np.testing.assert_allclose(float_mean, mean, rtol=1e-14)
    np.testing.assert_allclose(float_reciprocal, reciprocal, rtol=1e-13)


@given(
    x=arrays.arrays(
        np.float32, (2, 2, 3, 1), elements=st.floats(-(2.0**50), 2.0**50, width=32), fill=st.just(np.float32(0.1))
    ),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_no_picture_gives_a_number_that_is_not_finite(x: npt.NDArray[np.float32], dtype: Any) -> None:
    assert np.isfinite(standardise(x, dtype)).all()


@pytest.mark.parametrize("value", [0, 1, 255, np.float32(0.1), np.float32(-3e17)])
def test_a_constant_picture_becomes_zeros(value: Any) -> None:
    x = np.full((2, 3, 3, 3), value, dtype=np.uint8 if isinstance(value, int) else np.float32)

    np.testing.assert_array_equal(standardise(x, np.float32), np.zeros((2, 27), dtype=np.float32))


def test_each_picture_is_standardised_by_itself() -> None:
    x = np.random.default_rng(0).integers(0, 256, (5000, 3, 3, 1)).astype(np.float32)  # more than one block of rows

    np.testing.assert_array_equal(standardise(x, np.float32)[4500:], standardise(x[4500:], np.float32))


def test_the_flat_order_is_height_width_channel() -> None:
    x = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)

    assert np.argsort(standardise(x, np.float64)[0]).tolist() == list(range(12))


def test_digits_are_those_of_the_published_checksums() -> None:
    dataset = load_dataset("digits")

    digests = [
        hashlib.sha256(array.astype(np.uint8).tobytes()).hexdigest()
        for array in (dataset.x_train, dataset.x_test, dataset.y_train, dataset.y_test)
    ]
    assert dataset.x_train.shape == (1200, 8, 8, 1)
    assert dataset.x_test.shape == (597, 8, 8, 1)
    assert digests == [
        "20d33090fcd8af8063f6fdfff1c926b2d194481876193becdaef6b1d6888af6a",
        "782c2115cce747db80198e809094cbf1f91a26893f78445945a0a6ec6df30e6c",
        "9b3a09c9b397cbe63862c1583516be163f9e1d4b4361902c5c4322134484bfc5",
        "5e22f8bed97ba103c7bff5f26033a71eb290c0959bc2d46b80bb0c2899cab376",
    ]


def test_a_subset_of_digits_has_each_class_equally_often() -> None:
    dataset = load_dataset("digits")

    labels = dataset.y_train[training_subset(dataset, 500)]

    assert np.bincount(labels).tolist() == [50] * 10
