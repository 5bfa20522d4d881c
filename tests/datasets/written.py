"""Small files in the official formats, written by hand and not by the readers under test."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensdb.datasets.files import OfficialFile, Source
from sensdb.datasets.formats import CifarLayout

Array = npt.NDArray[Any]
IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(values: Array) -> bytes:
    """An IDX file of bytes."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def cifar(pictures: Array, *labels: Array) -> bytes:
    """CIFAR records from pictures [N, 32, 32, 3] and one or two labels each."""
    records = []
    for i, picture in enumerate(pictures):
        planes = b"".join(picture[:, :, channel].tobytes() for channel in range(3))
        records.append(bytes(int(label[i]) for label in labels) + planes)
    return b"".join(records)


def tar_gz(members: Mapping[str, bytes]) -> bytes:
    """A .tar.gz with these files, in this order; the same bytes whenever it is made, for its checksum is compared."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def small_idx() -> dict[str, bytes]:
    """Four IDX files as MNIST has them: 30 and 10 pictures of 4 x 4, labels 0 to 9 in turn."""
    draw = np.random.default_rng(0)
    train, test = draw.integers(0, 256, (30, 4, 4)), draw.integers(0, 256, (10, 4, 4))
    arrays = (train, np.arange(30) % 10, test, np.arange(10))
    return dict(zip(IDX_NAMES, (idx(array) for array in arrays), strict=True))


def idx_source(contents: Mapping[str, bytes]) -> Source:
    """The source of a data set of these files, to stand in for MNIST's."""
    files = tuple(
        OfficialFile(name, "sha256", hashlib.sha256(content).hexdigest(), len(content))
        for name, content in contents.items()
    )
    return Source(files, ("mnist", "MNIST", "MNIST/raw"), ("http://127.0.0.1:9/",))


def small_cifar(layout: CifarLayout, n_train: int, n_test: int) -> dict[str, bytes]:
    """Training batches `set/a.bin` and `set/b.bin` and test batch `set/test.bin`, each class equally often."""
    draw = np.random.default_rng(0)
    members = {}
    for name, n_records in (("set/a.bin", n_train // 2), ("set/b.bin", n_train // 2), ("set/test.bin", n_test)):
        pictures = draw.integers(0, 256, (n_records, 32, 32, 3), dtype=np.uint8)
        labels = np.arange(n_records) % layout.n_classes
        coarse = (labels % 20,) if layout.label_bytes == 2 else ()
        members[name] = cifar(pictures, *coarse, labels)
    return members


def cifar_source(layout: CifarLayout, members: Mapping[str, bytes], archive: bytes) -> Source:
    """The source of a data set of these members, to stand in for CIFAR's."""
    file = OfficialFile("small-binary.tar.gz", "md5", hashlib.md5(archive, usedforsecurity=False).hexdigest())
    train = {name: len(content) for name, content in members.items() if "test" not in name}
    test = {name: len(content) for name, content in members.items() if "test" in name}
    return Source((file,), ("cifar10", ""), ("http://127.0.0.1:9/",), layout, train, test)


def write(folder: Path, contents: Mapping[str, bytes], *, compressed: bool = False) -> None:
    """Put files into a folder, raw or each as .gz."""
    for name, content in contents.items():
        path = folder / (f"{name}.gz" if compressed else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, mtime=0) if compressed else content)


def write_npz(path: Path, *, compressed: bool = True, **changes: object) -> Path:
    """A good small .npz of 12 + 6 colour pictures of 5 x 4 in 3 classes, with arrays replaced or, if None, left out."""
    draw = np.random.default_rng(1)
    arrays: dict[str, object] = {
        "x_train": draw.integers(0, 256, (12, 5, 4, 3), dtype=np.uint8),
        "y_train": np.arange(12) % 3,
        "x_test": draw.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8),
        "y_test": np.arange(6) % 3,
    }
    arrays = {name: array for name, array in {**arrays, **changes}.items() if array is not None}
    save = np.savez_compressed if compressed else np.savez
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, **arrays)  # type: ignore[arg-type]
    return path
