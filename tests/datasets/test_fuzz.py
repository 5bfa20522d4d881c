"""Bytes nobody meant: the readers raise DataError and nothing else, and hold no more than the bytes can hold."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensdb.datasets.formats import CIFAR10, CIFAR100, read_archive, read_cifar, read_idx
from sensdb.datasets.npz import read_npz
from sensdb.errors import DataError
from tests.datasets.written import idx, tar_gz, write_npz

READERS: dict[str, Callable[[Path], object]] = {
    "idx": read_idx,
    "cifar10": lambda path: read_cifar(path, CIFAR10),
    "cifar100": lambda path: read_cifar(path, CIFAR100),
    "archive": lambda path: read_archive(path, {"a.bin": 3, "b.bin": 5}),
    "npz": read_npz,
}
# A few chunks of 1 MiB, and what 1032 to 1 can make of the few kB of a drawn file.
PEAK_BYTES = 32 << 20

once_a_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def _good(kind: str, folder: Path) -> bytes:
    if kind == "idx":
        return gzip.compress(idx(np.arange(60).reshape(3, 4, 5)))
    if kind == "archive":
        return tar_gz({"a.bin": b"abc", "b.bin": b"12345"})
    if kind == "npz":
        return write_npz(folder / "good.npz").read_bytes()
    return gzip.compress(bytes((CIFAR10 if kind == "cifar10" else CIFAR100).record_bytes * 2))


def _read(kind: str, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refusal = f"{path} was read"
    tracemalloc.start()
    try:
        READERS[kind](path)
    except DataError as error:
        refusal = error.message
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert refusal.startswith(str(path))
    assert "\n" not in refusal
    assert peak < PEAK_BYTES


@pytest.mark.parametrize("kind", READERS)
@once_a_file
@given(content=st.binary(max_size=2000), packed=st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path: Path, kind: str, content: bytes, packed: bool) -> None:
    _read(kind, tmp_path / "file", gzip.compress(content) if packed else content)


@pytest.mark.parametrize("kind", READERS)
@once_a_file
@given(data=st.data())
def test_a_good_file_with_damage_is_read_or_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content = bytearray(_good(kind, tmp_path))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))

    _read(kind, tmp_path / "file", bytes(content[:cut]) + data.draw(st.binary(max_size=20)))


@once_a_file
@given(sizes=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4), values=st.binary(max_size=100))
def test_any_idx_sizes_are_read_or_refused(tmp_path: Path, sizes: list[int], values: bytes) -> None:
    head = struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes)

    _read("idx", tmp_path / "file", gzip.compress(head + values))


HEADERS = st.one_of(
    st.text(max_size=200),
    st.builds(
        "{{'descr': {!r}, 'fortran_order': {}, 'shape': {}, }}".format,
        st.sampled_from(["|u1", "<f4", ">f8", "<i8", "|O", "|b1", "<U9", "|V0", "<c16", "<M8[s]", 3, [("a", "<f4")]]),
        st.sampled_from([True, False, None, "x"]),
        st.one_of(
            st.lists(st.integers(-1, 2**70), max_size=5).map(tuple),
            st.sampled_from([(3,), (True,), (1.5,), "x", None, (12, 5, 4, 3), (10**30,), (2**31, 2**31)]),
        ),
    ),
    st.sampled_from(["(" * 4000, "-" * 4000, "{}", "[]", "{'descr': '<f4'}", "'\\d'", "1" * 4000]),
)


@once_a_file
@given(header=HEADERS, version=st.sampled_from([1, 2, 3, 9]), values=st.binary(max_size=200), packed=st.booleans())
def test_any_npy_header_is_read_or_refused(
    tmp_path: Path, header: str, version: int, values: bytes, packed: bool
) -> None:
    text = header.encode("utf-8", errors="replace")
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    member = b"\x93NUMPY" + bytes([version, 0]) + length + text + values
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(f"{name}.npy", member)

    _read("npz", tmp_path / "file", buffer.getvalue())


def test_a_zip_entry_that_claims_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    content = bytearray(write_npz(tmp_path / "good.npz").read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 0x7FFFFFFF)  # the uncompressed size of x_train

    _read("npz", tmp_path / "file", bytes(content))
