"""Training points on the device: standardised, aligned, in the order subsets are taken in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sensdb.datasets.prepare import Dataset, crop_images, load_dataset, standardise, training_subset
from sensdb.training.data import TrainingData


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", [])


def test_the_first_rows_are_the_training_subset_standardised(digits: Dataset) -> None:
    data = TrainingData.build(digits, None, "float32", "cpu")

    subset = training_subset(digits, 50)
    assert torch.equal(data.x[:50], torch.from_numpy(standardise(digits.x_train[subset], np.float32)))
    assert data.labels[:50].tolist() == digits.y_train[subset].tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_points_lie_on_the_sphere_of_radius_root_d(digits: Dataset, dtype: str) -> None:
    data = TrainingData.build(digits, None, dtype, "cpu")

    assert data.x.dtype == getattr(torch, dtype)
    assert data.x.double().norm(dim=1).tolist() == pytest.approx([8.0] * 1200, rel=1e-5)


def test_cropped_rows_start_aligned_and_are_padded_with_zeros(digits: Dataset) -> None:
    data = TrainingData.build(digits, 5, "float32", "cpu")

    assert data.image_shape == (5, 5, 1)
    assert data.rows.shape == (1200, 32)
    assert data.x.shape == (1200, 25)
    assert not data.rows[:, 25:].any()
    subset = training_subset(digits, 10)
    expected = standardise(crop_images(digits.x_train, 5)[subset], np.float32)
    assert torch.equal(data.x[:10], torch.from_numpy(expected))
