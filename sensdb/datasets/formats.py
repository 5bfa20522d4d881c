"""Readers of the official file formats, raw or gzip: IDX and the CIFAR binary versions.

The bytes are not trusted. A reader holds the bytes that came and never takes memory for a size that a file claims,
nothing is unpacked onto the disk, and whatever is wrong ends in a DataError that names the file.
"""

from __future__ import annotations

import gzip
import math
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn, cast

import numpy as np
import numpy.typing as npt

from sensdb.datasets.arrays import Array
from sensdb.errors import DataError

CHUNK_BYTES = 1 << 20
# More than a worker could train on; what a small compressed file can make a reader hold ends here.
MAX_CONTENT_BYTES = 8 << 30
_GZIP_MAGIC = b"\x1f\x8b"
_IDX_UINT8 = 8
_IDX_MAX_DIMENSIONS = 4
# What the standard library raises on bytes that are not what they claim to be.
_BROKEN = (
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class CifarLayout:
    """One of the two record layouts: label bytes, of which the last is used, then 1024 red, green and blue bytes."""

    label_bytes: int
    n_classes: int

    @property
    def record_bytes(self) -> int:
        """Bytes of one record."""
        return self.label_bytes + 3 * 32 * 32


CIFAR10 = CifarLayout(label_bytes=1, n_classes=10)
CIFAR100 = CifarLayout(label_bytes=2, n_classes=100)  # coarse label, fine label


def read_idx(path: Path, *, max_bytes: int = MAX_CONTENT_BYTES) -> npt.NDArray[np.uint8]:
    """An IDX file of unsigned bytes, raw or gzip.

    Two zero bytes, type byte 8, the number of dimensions (1 to 4 here), each size as a big-endian uint32, the values.

    Args:
        max_bytes: refuse a file that claims more values than this.

    Raises:
        DataError: not this format; or more or fewer bytes than its sizes say.
    """
    with open_content(path) as content:
        head = content.read(4)
        if len(head) < 4 or head[:3] != bytes((0, 0, _IDX_UINT8)) or not 1 <= head[3] <= _IDX_MAX_DIMENSIONS:
            refuse(
                path, f"is no IDX file of bytes: begins with {head.hex() or 'nothing'}; 00000801 to 00000804 expected"
            )
        sizes = read_header(content, 4 * head[3], path)
        shape = struct.unpack(f">{head[3]}I", sizes)
        n_values = math.prod(shape)
        if not 0 < n_values <= max_bytes:
            refuse(path, f"claims {' x '.join(map(str, shape))} values: 1 to {max_bytes} expected")
        values = read_exactly(content, n_values, path)
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def read_cifar(path: Path, layout: CifarLayout, *, max_bytes: int = 1 << 30) -> tuple[Array, Array]:
    """A file of CIFAR records, raw or gzip: x [N, 32, 32, 3] uint8 and y [N] int64.

    Raises:
        DataError: not a whole number of records, none, more than max_bytes, or a label beyond the classes.
    """
    with open_content(path) as content:
        records = _read_at_most(content, max_bytes, path)
    return cifar_records(records, layout, path)


def cifar_records(records: bytes | bytearray, layout: CifarLayout, path: Path | str) -> tuple[Array, Array]:
    """CIFAR records as x [N, 32, 32, 3] uint8 and y [N] int64; the planes of a record become the last axis.

    Args:
        path: what errors name.

    Raises:
        DataError: not a whole number of records, none, or a label beyond the classes.
    """
    n_records, rest = divmod(len(records), layout.record_bytes)
    if rest or not n_records:
        refuse(path, f"has {len(records)} bytes: a whole number of records of {layout.record_bytes} bytes expected")
    table = np.frombuffer(records, dtype=np.uint8).reshape(n_records, layout.record_bytes)
    y = table[:, layout.label_bytes - 1].astype(np.int64)
    if y.max() >= layout.n_classes:
        refuse(path, f"has a label {y.max()}: 0 to {layout.n_classes - 1} expected")
    planes = table[:, layout.label_bytes :].reshape(n_records, 3, 32, 32)  # [N, c, h, w]
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), y  # [N, h, w, c]


def read_archive(path: Path, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """The wanted members of a .tar.gz, read as streams: no path of the archive ever reaches the disk.

    Args:
        sizes: bytes of each wanted member by its path in the archive; other members are passed over.

    Raises:
        DataError: broken; or a member is missing, is no plain file, comes twice or has another size.
    """
    found: dict[str, bytes] = {}
    with open_content(path) as content, tarfile.open(fileobj=content, mode="r|") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name not in sizes:
                continue
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is None or member.size != sizes[name] or name in found:
                refuse(path, f"has a wrong {name}: one plain file of {sizes[name]} bytes expected")
            found[name] = bytes(read_exactly(stream, member.size, path))
    missing = [name for name in sizes if name not in found]
    if missing:
        refuse(path, f"lacks {', '.join(missing)}")
    return found


@contextmanager
def open_content(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed where its first two bytes are gzip's, whatever its name ends in.

    Raises:
        DataError: the file is missing or unreadable, or, while it is being read, its gzip stream breaks.
    """
    with naming(path), path.open("rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if compressed:
            with gzip.GzipFile(fileobj=file) as content:
                yield cast(IO[bytes], content)
        else:
            yield file


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what the standard library raises on a missing, unreadable or broken file into a DataError naming it."""
    try:
        yield
    except _BROKEN as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"{path} cannot be read: {' '.join(reason.split()) or type(error).__name__}.") from None


def read_header(content: IO[bytes], n_bytes: int, path: Path) -> bytes:
    """The next n_bytes of a stream, which must be there."""
    header = content.read(n_bytes)
    if len(header) < n_bytes:
        refuse(path, f"ends within a header: {n_bytes} bytes expected, {len(header)} found")
    return header


def read_exactly(content: IO[bytes], n_bytes: int, path: Path) -> bytearray:
    """The rest of a stream, which must be n_bytes long; holds what came and never what was claimed."""
    values = _read_at_most(content, n_bytes, path)
    if len(values) < n_bytes:
        refuse(path, f"is truncated: {n_bytes} bytes of values expected, {len(values)} found")
    return values


def refuse(path: Path | str, reason: str) -> NoReturn:
    """Raise the DataError for a file: its path, what is wrong, what was expected."""
    raise DataError(f"{path} {reason}.")


def _read_at_most(content: IO[bytes], max_bytes: int, path: Path) -> bytearray:
    values = bytearray()
    while chunk := content.read(min(CHUNK_BYTES, max_bytes + 1 - len(values))):
        values += chunk
        if len(values) > max_bytes:
            refuse(path, f"is too long: it goes on after {max_bytes} bytes of values")
    return values
