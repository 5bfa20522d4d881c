"""The data sets there are: their names, sizes and classes, known without reading a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sensdb.errors import DataError, did_you_mean

NPZ_PREFIX = "npz:"


@dataclass(frozen=True)
class DatasetInfo:
    """What a data set is, without its points.

    Args:
        name: one of DATASET_NAMES, or `npz:` and the sha256 of the arrays in the user's own file.
        n_train, n_test: points of either split.
        height, width, channels: of one picture. Points that are no pictures have height 1 and channels 1.
        n_classes: K; labels are 0 .. K-1.
        description: one sentence for `sensdb data list`.
    """

    name: str
    n_train: int
    n_test: int
    height: int
    width: int
    channels: int
    n_classes: int
    description: str

    @property
    def input_size(self) -> int:
        """d, the numbers that describe one point before any crop: height * width * channels."""
        return self.height * self.width * self.channels

    @property
    def is_image(self) -> bool:
        """Whether crops, flips and rotations mean anything: a row of numbers (height 1) is no picture."""
        return self.height > 1


_BUILT_IN = {
    info.name: info
    for info in (
        DatasetInfo("digits", 1200, 597, 8, 8, 1, 10, "Handwritten digits, 17 grey levels; comes with scikit-learn."),
        DatasetInfo("mnist", 60_000, 10_000, 28, 28, 1, 10, "Handwritten digits."),
        DatasetInfo("fashion_mnist", 60_000, 10_000, 28, 28, 1, 10, "Pieces of clothing, in grey."),
        DatasetInfo("cifar10", 50_000, 10_000, 32, 32, 3, 10, "Colour photographs of animals and vehicles."),
        DatasetInfo("cifar100", 50_000, 10_000, 32, 32, 3, 100, "Colour photographs, 100 fine classes."),
    )
}

DATASET_NAMES: tuple[str, ...] = tuple(_BUILT_IN)


def dataset_info(name: str, search: Sequence[Path] = (), *, last_path: str | Path | None = None) -> DatasetInfo:
    """Sizes and classes of a data set; reads no file unless it is an .npz.

    Args:
        name: one of DATASET_NAMES, or `npz:<sha256>`.
        search: folders in which an .npz is looked for by its content (`Settings.data_paths`).
        last_path: where an .npz lay when it was last seen; tried before the folders.

    Raises:
        DataError: there is no such name, with the nearest one; or no .npz in the folders has these arrays.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    if not is_npz(name):
        raise unknown_dataset(name)
    from sensdb.datasets.npz import find_npz  # numpy: not for those who only list names

    return find_npz(name, search, last_path)[1]


def is_npz(name: str) -> bool:
    """Whether a name stands for the user's own arrays: `npz:` and the 64 hexadecimal digits of their sha256."""
    return re.fullmatch(NPZ_PREFIX + "[0-9a-f]{64}", name) is not None


def unknown_dataset(name: str) -> DataError:
    """The error for a name that is neither built in nor an .npz."""
    allowed = f"allowed: {', '.join(DATASET_NAMES)}, or the path of an .npz file."
    return DataError(f"no data set '{name}'.", did_you_mean(name, DATASET_NAMES, allowed))
