"""The training points of a data set as tensors on one device, standardised, in the order subsets are taken in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.datasets.prepare import Dataset, crop_images, standardise, training_order
from sensdb.training.layout import aligned

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class TrainingData:
    """All training points of a data set: a model's points are the first n_train of them.

    Attributes:
        info: the data set's sizes, before the crop.
        rows: [N, aligned(d)] points as rows that each start aligned; columns from d on are 0.
        labels: int64 [N].
        image_shape: (height, width, channels) after the crop; d is their product.
    """

    info: DatasetInfo
    rows: Tensor
    labels: Tensor
    image_shape: tuple[int, int, int]

    @property
    def x(self) -> Tensor:
        """The points, [N, d]."""
        height, width, channels = self.image_shape
        return self.rows[:, : height * width * channels]

    @classmethod
    def build(cls, dataset: Dataset, crop: int | None, dtype: str, device: str | torch.device) -> TrainingData:
        """Crop, standardise (each image to mean 0 and variance 1, paper.md 3) and put in training order.

        Args:
            crop: side of the centre crop in pixels; None for whole images.
            dtype: float32 or float64, of points and networks both.
        """
        images = dataset.x_train if crop is None else crop_images(dataset.x_train, crop)
        order = training_order(dataset)
        standardised = standardise(images[order], dtype)  # [N, d]
        n, d = standardised.shape
        rows = torch.zeros(n, aligned(d), dtype=DTYPES[dtype])
        rows[:, :d] = torch.from_numpy(standardised)
        labels = torch.from_numpy(dataset.y_train[order])
        height, width, channels = images.shape[1:]
        return cls(dataset.info, rows.to(device), labels.to(device), (height, width, channels))
