"""Readers of IDX and CIFAR files, on small files in the official format."""

from __future__ import annotations

import gzip
import struct
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from sensdb.datasets.formats import CIFAR10, CIFAR100, read_archive, read_cifar, read_idx
from sensdb.errors import DataError
from tests.datasets.written import cifar, idx, tar_gz


@pytest.mark.parametrize("shape", [(7,), (2, 3), (5, 4, 3), (2, 3, 2, 2)])
@pytest.mark.parametrize("compressed", [False, True])
def test_idx_values_come_back_in_their_shape(tmp_path: Path, shape: tuple[int, ...], compressed: bool) -> None:
    values = np.arange(np.prod(shape)).reshape(shape) % 256
    path = tmp_path / "values-ubyte"
    path.write_bytes(gzip.compress(idx(values)) if compressed else idx(values))

    found = read_idx(path)

    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no IDX file of bytes: begins with nothing; 00000801 to 00000804 expected."),
        (b"\0\0\x09\x01", "is no IDX file of bytes: begins with 00000901; 00000801 to 00000804 expected."),
        (b"\0\0\x08\x05" + b"\1" * 40, "is no IDX file of bytes: begins with 00000805; 00000801 to 00000804 expected."),
        (b"\0\0\x08\x02\0\0\0\x01", "ends within a header: 8 bytes expected, 4 found."),
        (b"\0\0\x08\x01\0\0\0\x05abcd", "is truncated: 5 bytes of values expected, 4 found."),
        (b"\0\0\x08\x01\0\0\0\x03abcd", "is too long: it goes on after 3 bytes of values."),
        (b"\0\0\x08\x01\0\0\0\0", "claims 0 values: 1 to 8589934592 expected."),
        (
            b"\0\0\x08\x03" + b"\xff" * 12,
            "claims 4294967295 x 4294967295 x 4294967295 values: 1 to 8589934592 expected.",
        ),
    ],
)
def test_what_is_no_idx_file_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "values"
    path.write_bytes(content)

    with pytest.raises(DataError) as raised:
        read_idx(path)

    assert raised.value.message == f"{path} {message}"


def test_a_claimed_size_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "values"
    path.write_bytes(gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 1 << 31) + b"few"))

    tracemalloc.start()
    with pytest.raises(DataError, match=r"is truncated: 2147483648 bytes of values expected, 3 found\.$"):
        read_idx(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 << 20  # a few chunks of 1 MiB, where 2 GiB are claimed


def test_more_content_than_claimed_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "values"
    path.write_bytes(gzip.compress(idx(np.zeros(3)) + bytes(40 << 20)))  # 40 MB in 40 kB

    tracemalloc.start()
    with pytest.raises(DataError, match=r"is too long: it goes on after 3 bytes of values\.$"):
        read_idx(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 << 20


def test_a_broken_gzip_stream_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "values.gz"
    path.write_bytes(gzip.compress(idx(np.arange(200)))[:-20])

    with pytest.raises(DataError) as raised:
        read_idx(path)

    assert raised.value.message.startswith(f"{path} cannot be read: Compressed file ended before the end-of-stream")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        read_idx(tmp_path / "absent")

    assert raised.value.message == f"{tmp_path / 'absent'} cannot be read: No such file or directory."


def test_cifar10_planes_become_the_last_axis(tmp_path: Path) -> None:
    record = (
        bytes([7]) + bytes([10]) + bytes(1023) + bytes([20]) + bytes(1023) + bytes([30]) + bytes(1022) + bytes([31])
    )
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(record + record)

    x, y = read_cifar(path, CIFAR10)

    assert x.shape == (2, 32, 32, 3)
    assert y.tolist() == [7, 7]
    assert x[0, 0, 0].tolist() == [10, 20, 30]
    assert x[1, 31, 31].tolist() == [0, 0, 31]


def test_cifar_rows_come_first_within_a_plane(tmp_path: Path) -> None:
    pictures = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    pictures[0, 0, 1, 0] = 9  # the second byte of the red plane
    path = tmp_path / "test_batch.bin"
    path.write_bytes(bytes([0, 0, 9]) + bytes(3070))

    x, _ = read_cifar(path, CIFAR10)

    np.testing.assert_array_equal(x, pictures)


@pytest.mark.parametrize("compressed", [False, True])
def test_cifar100_uses_the_fine_label(tmp_path: Path, compressed: bool) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    content = cifar(pictures, np.array([0, 1, 19]), np.array([99, 50, 0]))
    path = tmp_path / "train.bin"
    path.write_bytes(gzip.compress(content) if compressed else content)

    x, y = read_cifar(path, CIFAR100)

    assert y.tolist() == [99, 50, 0]
    np.testing.assert_array_equal(x, pictures)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has 0 bytes: a whole number of records of 3073 bytes expected."),
        (bytes(3074), "has 3074 bytes: a whole number of records of 3073 bytes expected."),
        (bytes(3073) + bytes([10]) + bytes(3072), "has a label 10: 0 to 9 expected."),
    ],
)
def test_what_is_no_cifar_file_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(content)

    with pytest.raises(DataError) as raised:
        read_cifar(path, CIFAR10)

    assert raised.value.message == f"{path} {message}"


def test_a_file_of_many_records_ends_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(gzip.compress(bytes(50 << 20)))

    with pytest.raises(DataError, match=r"is too long: it goes on after 1000000 bytes of values\.$"):
        read_cifar(path, CIFAR10, max_bytes=1_000_000)


def test_archive_members_are_read_and_others_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "small.tar.gz"
    path.write_bytes(tar_gz({"set/readme.html": b"text", "./set/a.bin": b"abc", "set/b.bin": b"d"}))

    assert read_archive(path, {"set/b.bin": 1, "set/a.bin": 3}) == {"set/a.bin": b"abc", "set/b.bin": b"d"}


def test_a_path_that_leaves_the_archive_is_never_written(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "small.tar.gz"
    absolute = str(tmp_path / "absolute.bin")
    path.write_bytes(tar_gz({"../outside.bin": b"abc", absolute: b"abc", "set/../../up.bin": b"abc", "a.bin": b"x"}))

    assert read_archive(path, {"a.bin": 1}) == {"a.bin": b"x"}
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.bin": b"abc"}, "lacks b.bin."),
        ({"a.bin": b"abcd", "b.bin": b""}, "has a wrong a.bin: one plain file of 3 bytes expected."),
        ({"a.bin": b"abc", "./a.bin": b"abc"}, "has a wrong a.bin: one plain file of 3 bytes expected."),
    ],
)
def test_an_archive_that_is_not_as_published_is_refused(
    tmp_path: Path, members: dict[str, bytes], message: str
) -> None:
    path = tmp_path / "small.tar.gz"
    path.write_bytes(tar_gz(members))

    with pytest.raises(DataError) as raised:
        read_archive(path, {"a.bin": 3, "b.bin": 1})

    assert raised.value.message == f"{path} {message}"


def test_a_link_in_an_archive_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "small.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("a.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)

    with pytest.raises(DataError, match=r"has a wrong a\.bin"):
        read_archive(path, {"a.bin": 0})
