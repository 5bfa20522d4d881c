"""The user's own data sets: four arrays in an .npz, known by the sha256 of the arrays and found by content."""

from __future__ import annotations

import ast
import math
import os
import re
import struct
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from sensdb.datasets.arrays import Array, SplitArrays, arrays_digest
from sensdb.datasets.catalogue import NPZ_PREFIX, DatasetInfo
from sensdb.datasets.formats import MAX_CONTENT_BYTES, naming, read_exactly, read_header, refuse
from sensdb.errors import DataError

SCAN_DEPTH = 4
SCAN_FILES = 20_000
NAMES_SHOWN = 8
_NPY_MAGIC = b"\x93NUMPY"
_NPY_MAX_HEADER_BYTES = 4096
# Far from where a difference or a square of two values would leave the range of float32 or float64.
_PIXEL_LIMIT = 1e18
_LABEL_LIMIT = 1 << 31
_known: dict[tuple[str, int, int], DatasetInfo] = {}  # by path, time stamp and size


def npz_digest(path: Path) -> str:
    """sha256 of the arrays of an .npz: what stands after `npz:` in the name of its data set.

    Raises:
        DataError: as `read_npz`.
    """
    return npz_info(path).name.removeprefix(NPZ_PREFIX)


def npz_info(path: Path) -> DatasetInfo:
    """Name, sizes and classes of an .npz; read once a process as long as its time stamp and size stay the same.

    Raises:
        DataError: as `read_npz`.
    """
    with naming(path):
        status = path.stat()
        key = (str(path.resolve()), status.st_mtime_ns, status.st_size)
    if key not in _known:
        arrays = read_npz(path)
        n_train, height, width, channels = arrays.x_train.shape
        _known[key] = DatasetInfo(
            name=NPZ_PREFIX + arrays_digest(arrays),
            n_train=n_train,
            n_test=len(arrays.x_test),
            height=height,
            width=width,
            channels=channels,
            n_classes=_n_classes(arrays),
            description="The user's own arrays.",
        )
    return _known[key]


def find_npz(name: str, search: Sequence[Path], last_path: str | Path | None = None) -> tuple[Path, DatasetInfo]:
    """The .npz that holds the arrays of a data set, wherever it lies and whatever it is called.

    Args:
        name: `npz:` and 64 hexadecimal digits.
        search: folders, searched in order, SCAN_DEPTH folders deep and at most SCAN_FILES files each.
        last_path: tried first; need not exist any more, nor hold the same arrays.

    Raises:
        DataError: no such file; says where it was looked for and among how many.
    """
    candidates = [Path(last_path)] if last_path is not None and os.path.isfile(last_path) else []
    candidates += [path for folder in search for path in _npz_files(folder)]
    for path in candidates:
        try:
            info = npz_info(path)
        except DataError:  # not a data set, or a broken one: somewhere else the right one may lie
            continue
        if info.name == name:
            return path, info
    folders = ", ".join(map(str, search)) or "no folder"
    raise DataError(
        f"no .npz with the arrays of {name}: {len(candidates)} .npz files looked at in {folders}.",
        "copy the file into one of these folders, or name its folder in SENSDB_DATA.",
    )


def load_npz(name: str, search: Sequence[Path], last_path: str | Path | None = None) -> SplitArrays:
    """The four arrays of the data set `npz:<sha256>`, found as `find_npz` does and hashed again.

    Raises:
        DataError: as `find_npz`; or the file changed while it was being found.
    """
    path, _ = find_npz(name, search, last_path)
    arrays = read_npz(path)
    if NPZ_PREFIX + arrays_digest(arrays) != name:
        refuse(path, f"changed while it was read: {name} expected, {NPZ_PREFIX}{arrays_digest(arrays)} found")
    return arrays


def _npz_files(folder: Path) -> Iterator[Path]:
    """Files that end in .npz, in the order of their paths; links to folders are not followed."""
    n_seen = 0
    for parent, folders, files in os.walk(folder):
        depth = len(Path(parent).relative_to(folder).parts)
        folders[:] = [] if depth >= SCAN_DEPTH else sorted(name for name in folders if not name.startswith("."))
        n_seen += len(files)
        yield from (Path(parent, name) for name in sorted(files) if name.endswith(".npz"))
        if n_seen >= SCAN_FILES:
            return


def read_npz(path: Path) -> SplitArrays:
    """Arrays x_train, y_train, x_test, y_test of an .npz, as numpy.savez or savez_compressed writes it.

    x is uint8 or floating point (rounded to float32), [N, d], [N, h, w] or [N, h, w, c]; [N, d] counts as pictures
    one pixel high. y holds whole numbers 0 .. K-1, each of them in y_train; y_test has the same K. Further arrays
    are passed over. Nothing is unpickled.

    Raises:
        DataError: an array is missing or not like that; says which, what it is and what is expected.
    """
    with naming(path), zipfile.ZipFile(path) as archive:
        members = {member.filename: member for member in archive.infolist()}
        missing = [name for name in SplitArrays._fields if f"{name}.npy" not in members]
        if missing:
            _refuse_names(path, missing, [name.removesuffix(".npy") for name in members])
        total = sum(members[f"{name}.npy"].file_size for name in SplitArrays._fields)
        if total > MAX_CONTENT_BYTES:
            refuse(path, f"claims {total} bytes of arrays: at most {MAX_CONTENT_BYTES} expected")
        arrays = {name: _read_npy(archive, members[f"{name}.npy"], path, name) for name in SplitArrays._fields}
    found = SplitArrays(
        *(_pictures(arrays[n], path, n) if n[0] == "x" else _labels(arrays[n], path, n) for n in arrays)
    )
    _check_fit(found, path)
    return found


def _refuse_names(path: Path, missing: Sequence[str], found: Sequence[str]) -> NoReturn:
    """Say which arrays are missing, what there is instead, and how such a file is written."""
    shown = ", ".join(ascii(name[:40])[1:-1] for name in found[:NAMES_SHOWN])
    shown += ", ..." if len(found) > NAMES_SHOWN else ""
    names = SplitArrays._fields
    raise DataError(
        f"{path} lacks {', '.join(missing)}: arrays {', '.join(names)} expected.",
        f"it holds {shown or 'no array'}; numpy.savez(FILE, {', '.join(f'{name}=...' for name in names)}) writes one.",
    )


def _read_npy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, name: str) -> Array:
    """One array. numpy's own reader takes memory for the claimed shape before it has seen the bytes."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        refuse(path, f"stores {name} by zip method {member.compress_type}: stored or deflated expected")
    with archive.open(member) as content:
        magic = read_header(content, len(_NPY_MAGIC) + 2, path)  # the magic text, then major and minor version
        if not magic.startswith(_NPY_MAGIC):
            refuse(path, f"holds no array under the name {name}")
        length = "<H" if magic[-2] == 1 else "<I"
        (n_header,) = struct.unpack(length, read_header(content, struct.calcsize(length), path))
        if n_header > _NPY_MAX_HEADER_BYTES:
            refuse(path, f"has a header of {n_header} bytes before {name}: at most {_NPY_MAX_HEADER_BYTES} expected")
        dtype, order, shape = _npy_header(read_header(content, n_header, path), path, name)
        n_values = math.prod(shape)
        if n_values * dtype.itemsize > MAX_CONTENT_BYTES:
            refuse(path, f"claims {n_values} values for {name}: at most {MAX_CONTENT_BYTES} bytes expected")
        # Reads on to the member's end, where zipfile compares its checksum.
        values = read_exactly(content, n_values * dtype.itemsize, path)
    return np.frombuffer(values, dtype=dtype).reshape(shape, order=order)


def _npy_header(header: bytes, path: Path, name: str) -> tuple[np.dtype[Any], Any, tuple[int, ...]]:
    try:
        fields = ast.literal_eval(header.decode("ascii").strip())
        description, fortran_order, shape = fields["descr"], fields["fortran_order"], fields["shape"]
    except (SyntaxError, ValueError, TypeError, LookupError, MemoryError, RecursionError):
        refuse(path, f"has no readable header before {name}")
    if description == "|O":
        refuse(path, f"has {name} of Python objects, which are never unpickled: numbers expected")
    if not isinstance(description, str) or not re.fullmatch(r"[<>|=]?([ui][1248]|f[248])", description):
        refuse(path, f"has {name} of type {str(description)[:40]!r}: whole numbers or floating point expected")
    if not isinstance(shape, tuple) or not 1 <= len(shape) <= 4 or not all(type(n) is int and n > 0 for n in shape):
        refuse(path, f"has {name} of shape {str(shape)[:40]}: 1 to 4 sizes, each at least 1, expected")
    return np.dtype(description), "F" if fortran_order else "C", shape


def _pictures(x: Array, path: Path, name: str) -> Array:
    if x.ndim == 1 or not (x.dtype == np.uint8 or x.dtype.kind == "f"):
        refuse(
            path,
            f"has {name} of shape {x.shape} and type {x.dtype}: [N, d], [N, h, w] or [N, h, w, c] of uint8 or floating "
            "point expected",
        )
    if x.ndim == 2:
        x = x[:, np.newaxis, :, np.newaxis]  # [N, 1, d, 1]
    elif x.ndim == 3:
        x = x[:, :, :, np.newaxis]  # [N, h, w, 1]
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x)
    with np.errstate(over="ignore", invalid="ignore"):
        x = np.ascontiguousarray(x, dtype=np.float32)
    # NaN fails this comparison too.
    if not max(float(x.max()), -float(x.min())) <= _PIXEL_LIMIT:
        refuse(path, f"has a value in {name} that is not finite or beyond {_PIXEL_LIMIT:g}")
    return x


def _labels(y: Array, path: Path, name: str) -> Array:
    if y.ndim != 1 or y.dtype.kind not in "ui":
        refuse(path, f"has {name} of shape {y.shape} and type {y.dtype}: [N] of whole numbers expected")
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= _LABEL_LIMIT:
        refuse(path, f"has a label {low if low < 0 else high} in {name}: 0 to K-1 for K classes expected")
    return y.astype(np.int64)


def _check_fit(arrays: SplitArrays, path: Path) -> None:
    """Both splits hold one kind of picture and the same classes, and each picture has a label."""
    for split, x, y in (("train", arrays.x_train, arrays.y_train), ("test", arrays.x_test, arrays.y_test)):
        if len(x) != len(y):
            refuse(path, f"has {len(x)} pictures in x_{split} and {len(y)} labels in y_{split}: as many expected")
    train, test = arrays.x_train, arrays.x_test
    if train.shape[1:] != test.shape[1:] or train.dtype != test.dtype:
        kinds = " and ".join(f"{' x '.join(map(str, x.shape[1:]))} {x.dtype}" for x in (train, test))
        refuse(path, f"has pictures of {kinds} in x_train and x_test: the same expected")
    n_classes = _n_classes(arrays)
    classes = np.unique(arrays.y_train)  # no table by label: a label may be far larger than the number of points
    if n_classes < 2 or len(classes) < n_classes:
        refuse(
            path, f"uses {len(classes)} of the labels 0 to {n_classes - 1} in y_train: each, and at least 2, expected"
        )
    if int(arrays.y_test.max()) + 1 != n_classes:
        n_test = int(arrays.y_test.max()) + 1
        refuse(path, f"has {n_classes} classes in y_train and {n_test} in y_test: as many expected")


def _n_classes(arrays: SplitArrays) -> int:
    return int(arrays.y_train.max()) + 1
