"""The form in which a data set is held in memory, its digest, and the one order of its points."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class SplitArrays(NamedTuple):
    """What every reader returns: x [N, h, w, c] uint8 or float32, y [N] int64, for training and test points."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


def arrays_digest(arrays: SplitArrays) -> str:
    """sha256 over, for each array in turn, a line `name:type:sizes` and its bytes (C order, little-endian).

    The same however the arrays were stored: in which container, compressed or not, with labels of which type.
    """
    digest = hashlib.sha256()
    for name, array in zip(SplitArrays._fields, arrays, strict=True):
        digest.update(f"{name}:{array.dtype.name}:{','.join(map(str, array.shape))}\n".encode())
        digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def point_order(name: str, n_points: int) -> npt.NDArray[np.int64]:
    """The order of points 0 .. n_points - 1 of a data set: point i sorts by the sha256 of the text `name:i`.

    No generator stands behind it whose stream could change; anyone can compute it from a name and a number.
    """
    digests = [hashlib.sha256(f"{name}:{i}".encode()).digest() for i in range(n_points)]
    return np.array(sorted(range(n_points), key=digests.__getitem__), dtype=np.int64)
