"""From files to points: loading with checksums, training subsets, crops and standardisation (paper.md 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensdb.datasets.arrays import Array, arrays_digest, point_order
from sensdb.datasets.catalogue import DatasetInfo, dataset_info, is_npz
from sensdb.datasets.npz import load_npz
from sensdb.datasets.official import read_official
from sensdb.errors import ShapeError

_ROWS = 4096  # pictures widened to float64 at a time: bounds memory, changes nothing
_orders: dict[tuple[str, str], npt.NDArray[np.int64]] = {}  # by name and checksum


@dataclass(frozen=True)
class Dataset:
    """A data set in memory, unprepared; the arrays are the caller's own.

    Args:
        info: its name, sizes and classes.
        x_train, x_test: [N, h, w, c], uint8 or float32.
        y_train, y_test: [N] int64, 0 .. K-1. Test points keep the order of the official file.
        checksum: sha256 of the four arrays (`arrays.arrays_digest`): equal on two hosts if and only if the data are.
    """

    info: DatasetInfo
    x_train: Array
    y_train: npt.NDArray[np.int64]
    x_test: Array
    y_test: npt.NDArray[np.int64]
    checksum: str


def load_dataset(name: str, search: Sequence[Path] = (), *, last_path: str | Path | None = None) -> Dataset:
    """Read a data set and hold it against the published checksums.

    Args:
        name: one of DATASET_NAMES, or `npz:<sha256>`.
        search: folders in order (`Settings.data_paths`). A good copy is used even if a bad one lies before it.
        last_path: where an .npz lay when it was last seen.

    Raises:
        DataError: a file is missing, truncated, altered or another one, naming it, what was expected and found, and
            the command that mends it. Another host may well have a good one: to a worker it is its own fault.
    """
    info = dataset_info(name, search, last_path=last_path)
    arrays = load_npz(name, search, last_path) if is_npz(name) else read_official(name, search)
    return Dataset(info, *arrays, checksum=arrays_digest(arrays))


def training_order(dataset: Dataset) -> npt.NDArray[np.int64]:
    """Row numbers of x_train in the order in which training subsets take them: class-balanced in every prefix.

    First each class's first point, then each class's second, and so on, where first and second, and the place within
    a round, follow `point_order`; a class that has run out is skipped. Computed once a process.

    Returns:
        [N], a permutation of 0 .. N-1.
    """
    key = (dataset.info.name, dataset.checksum)
    if key not in _orders:
        order = point_order(dataset.info.name, len(dataset.y_train))
        labels = dataset.y_train[order]
        rounds = np.empty(len(order), dtype=np.int64)
        for label in range(dataset.info.n_classes):
            of_class = np.flatnonzero(labels == label)
            rounds[of_class] = np.arange(len(of_class))
        _orders[key] = order[np.argsort(rounds, kind="stable")]
    return _orders[key].copy()


def training_subset(dataset: Dataset, n_train: int | None) -> npt.NDArray[np.int64]:
    """Row numbers of the n_train training points that a spec uses: a prefix of `training_order`; None is all.

    Raises:
        ShapeError: n_train is not within 1 .. N.
    """
    n_points = len(dataset.y_train)
    if n_train is not None and not 1 <= n_train <= n_points:
        raise ShapeError(f"n_train {n_train} of {dataset.info.name}: 1 to {n_points} expected.")
    return training_order(dataset)[:n_train]


def crop_images(x: Array, side: int | None) -> Array:
    """The centre of each picture, [N, h, w, c] to [N, side, side, c]; None leaves them whole.

    Where the margins cannot be equal, the larger one is below and to the right. A view, not a copy.

    Raises:
        ShapeError: side is not within 1 .. the shorter edge.
    """
    if side is None:
        return x
    _, height, width, _ = x.shape
    if not 1 <= side <= min(height, width):
        raise ShapeError(f"crop {side} of pictures of {height} x {width}: 1 to {min(height, width)} expected.")
    top, left = (height - side) // 2, (width - side) // 2
    return x[:, top : top + side, left : left + side, :]


def image_statistics(x: Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and reciprocal standard deviation of each picture, over all its pixels and channels together.

    The standard deviation is that of the whole picture (divided by d, not d - 1), so a standardised picture has
    |x| = sqrt(d) (paper.md 3). Bytes are summed as whole numbers, var = (d S2 - S1^2) / d^2, and so round alike on
    every machine.

    Args:
        x: [N, h, w, c], cropped, uint8 or float32.

    Returns:
        Two arrays [N]. The reciprocal of a constant picture is 0, so that it becomes zeros; likewise where the
        reciprocal would leave the range of float32.
    """
    flat = x.reshape(len(x), -1)  # [N, d]
    if x.dtype == np.uint8:
        d = flat.shape[1]
        first = flat.sum(axis=1, dtype=np.int64)
        second = np.einsum("nd,nd->n", flat, flat, dtype=np.int64, casting="safe")
        mean = first / d
        deviation = np.sqrt((d * second - first * first).astype(np.float64)) / d
    else:
        mean, deviation = np.empty(len(x)), np.empty(len(x))
        for start in range(0, len(x), _ROWS):
            rows = slice(start, start + _ROWS)
            wide = flat[rows].astype(np.float64)
            mean[rows] = wide.mean(axis=1)
            deviation[rows] = np.sqrt(np.mean((wide - mean[rows, np.newaxis]) ** 2, axis=1))
        deviation[flat.min(axis=1) == flat.max(axis=1)] = 0.0  # the mean of equal numbers may be off by a rounding
    reciprocal = np.zeros_like(mean)
    varied = deviation > 1.0 / float(np.finfo(np.float32).max)
    reciprocal[varied] = 1.0 / deviation[varied]
    return mean, reciprocal


def standardise(x: Array, dtype: npt.DTypeLike) -> Array:
    """Pictures as network inputs: zero mean and unit variance each, flat in the order height, width, channel.

    The formula (x - mean) * reciprocal, each of the three first rounded to dtype, is the only one in use: pictures
    kept as bytes on a device and standardised there give the same bits.

    Args:
        x: [N, h, w, c], cropped.
        dtype: float32 or float64.

    Returns:
        [N, d]; zeros for a constant picture.
    """
    mean, reciprocal = image_statistics(x)
    flat: Array = x.reshape(len(x), -1).astype(dtype)  # [N, d]
    standardised: Array = (flat - mean.astype(dtype)[:, np.newaxis]) * reciprocal.astype(dtype)[:, np.newaxis]
    return standardised
