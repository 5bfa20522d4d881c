"""The built-in data sets as arrays, from verified files alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np

from sensdb.datasets.arrays import Array, SplitArrays, point_order
from sensdb.datasets.files import (
    ALTERED,
    OK,
    SOURCES,
    FileCheck,
    OfficialFile,
    Source,
    check_file,
    check_member,
    find_files,
    missing_file,
    unpacked_members,
    wrong_file,
)
from sensdb.datasets.formats import CifarLayout, cifar_records, read_archive, read_cifar, read_idx
from sensdb.errors import DataError

DIGITS_N_TRAIN = 1200
# sha256 as uint8 of training pixels and labels, test pixels and labels: scikit-learn could ship others one day.
DIGITS_SHA256 = (
    "20d33090fcd8af8063f6fdfff1c926b2d194481876193becdaef6b1d6888af6a",
    "9b3a09c9b397cbe63862c1583516be163f9e1d4b4361902c5c4322134484bfc5",
    "782c2115cce747db80198e809094cbf1f91a26893f78445945a0a6ec6df30e6c",
    "5e22f8bed97ba103c7bff5f26033a71eb290c0959bc2d46b80bb0c2899cab376",
)


def read_official(name: str, search: Sequence[Path]) -> SplitArrays:
    """The arrays of a built-in data set; of several copies of a file the first good one is used.

    Args:
        name: one of DATASET_NAMES.
        search: folders in order.

    Raises:
        DataError: a file is nowhere, or no copy of it is what it should be.
    """
    if name == "digits":
        return _read_digits()
    source = SOURCES[name]
    if source.layout is None:
        return _read_idx_files(name, source, search)
    return _read_cifar_files(name, source, source.layout, search)


def _read_digits() -> SplitArrays:
    # Read as a file: importing sklearn.datasets costs 3 s of CPU, as much as all else a worker does to start.
    path = _digits_file()
    try:
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8, ndmin=2)
        pixels = table[:, :-1].reshape(-1, 8, 8, 1)
    except (OSError, ValueError) as error:
        raise DataError(f"digits: {path} cannot be read: {error}", "reinstall scikit-learn.") from None
    y = table[:, -1].astype(np.int64)
    order = point_order("digits", len(y))
    train, test = order[:DIGITS_N_TRAIN], order[DIGITS_N_TRAIN:]
    arrays = SplitArrays(pixels[train], y[train], pixels[test], y[test])
    for array, expected in zip(arrays, DIGITS_SHA256, strict=True):
        found = hashlib.sha256(array.astype(np.uint8).tobytes()).hexdigest()
        if found != expected:
            raise DataError(
                f"digits: scikit-learn's copy is altered: sha256 {expected} expected, {found} found.",
                "install the scikit-learn that constraints.txt names.",
            )
    return arrays


def _digits_file() -> str:
    """Where the installed scikit-learn keeps its digits: a table of 64 pixels and the label a line."""
    try:
        return str(distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz"))
    except PackageNotFoundError:
        raise DataError("digits: scikit-learn is not installed.", "pip install scikit-learn") from None


def _read_idx_files(name: str, source: Source, search: Sequence[Path]) -> SplitArrays:
    found = find_files(name, search)
    arrays: list[Array] = []
    for file in source.files:
        good, checks = _first_good(file, found[file.name])
        if good is None:
            raise wrong_file(name, checks[0]) if checks else missing_file(name, file.name, search)
        arrays.append(read_idx(good))
    x_train, y_train, x_test, y_test = arrays
    return SplitArrays(
        x_train[..., np.newaxis], y_train.astype(np.int64), x_test[..., np.newaxis], y_test.astype(np.int64)
    )


def _read_cifar_files(name: str, source: Source, layout: CifarLayout, search: Sequence[Path]) -> SplitArrays:
    """The archive where a good one lies, for its checksum is published; else the unpacked files."""
    found = find_files(name, search)
    (archive,) = source.files
    good, checks = _first_good(archive, found[archive.name])
    if good is not None:
        contents = read_archive(good, source.members)
        records = {member: cifar_records(content, layout, good) for member, content in contents.items()}
        return SplitArrays(*_joined(records, source.train), *_joined(records, source.test))
    members = unpacked_members(source, found)
    if not members:
        raise wrong_file(name, checks[0]) if checks else missing_file(name, archive.name, search)
    for check in check_unpacked(source, layout, members):
        if check.state != OK:
            raise wrong_file(name, check)
    return _read_unpacked(source, layout, members)


def check_unpacked(source: Source, layout: CifarLayout, members: Mapping[str, Path]) -> list[FileCheck]:
    """What can be known of an archive's unpacked files, of which no checksum is published.

    Their lengths; and, where these are right, that each class has equally many points in either split: a batch that
    lies there twice, or altered labels, show in the counts.
    """
    checks = [check_member(path, source.members[member]) for member, path in members.items()]
    if any(check.state != OK for check in checks):
        return checks
    arrays = _read_unpacked(source, layout, members)
    folder = next(iter(members.values())).parent
    for split, y in (("training", arrays.y_train), ("test", arrays.y_test)):
        counts = np.bincount(y, minlength=layout.n_classes)
        expected = len(y) // layout.n_classes
        worst = int(np.argmax(np.abs(counts - expected)))
        state = OK if counts[worst] == expected else ALTERED
        found = f"{counts[worst]} of class {worst}"
        checks.append(FileCheck(f"{split} labels", state, f"{expected} {split} points of each class", found, folder))
    return checks


def _read_unpacked(source: Source, layout: CifarLayout, members: Mapping[str, Path]) -> SplitArrays:
    records = {member: read_cifar(path, layout) for member, path in members.items()}
    return SplitArrays(*_joined(records, source.train), *_joined(records, source.test))


def _first_good(file: OfficialFile, paths: Sequence[Path]) -> tuple[Path | None, list[FileCheck]]:
    """The first copy that is what it should be, and what is wrong with those before it."""
    checks: list[FileCheck] = []
    for path in paths:
        check = check_file(path, file)
        if check.state == OK:
            return path, checks
        checks.append(check)
    return None, checks


def _joined(records: Mapping[str, tuple[Array, Array]], members: Mapping[str, int]) -> tuple[Array, Array]:
    parts = [records[member] for member in members]
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
