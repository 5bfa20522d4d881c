"""The official files: where they are published, where they lie on disks, and whether they are what they should be."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from sensdb.datasets.formats import CHUNK_BYTES, CIFAR10, CIFAR100, CifarLayout, naming, open_content
from sensdb.errors import DataError

# Searched after the user's folders: the files of Debian's package dataset-fashion-mnist.
SYSTEM_FOLDERS = (Path("/usr/share/datasets"),)

OK, MISSING, TRUNCATED, TOO_LONG, ALTERED, MIXED_UP, UNREADABLE = STATES = (
    "ok",
    "missing",
    "truncated",
    "too long",
    "altered",
    "mixed up",
    "unreadable",
)


@dataclass(frozen=True)
class OfficialFile:
    """One published file.

    Args:
        name: its name, without .gz where the checksum is of the decompressed content.
        algorithm: of the checksum, sha256 or md5.
        checksum: hexadecimal; of the decompressed content, or, for an archive (n_bytes None), of the file as it is.
        n_bytes: length of the decompressed content; None where only the checksum is known.
    """

    name: str
    algorithm: str
    checksum: str
    n_bytes: int | None = None

    @property
    def published_name(self) -> str:
        """The name at the mirrors."""
        return self.name if self.n_bytes is None else f"{self.name}.gz"


@dataclass(frozen=True)
class Source:
    """Where one data set comes from and the folders it is known to lie in.

    Args:
        files: what is published, in the order training pictures, training labels, test pictures, test labels; or
            the one archive.
        folders: folders within a data folder, the first being where fetched files go.
        mirrors: addresses of folders, tried in this order.
        layout: of CIFAR records; None for IDX files.
        train, test: for an archive, bytes of each unpacked file by its path in the archive.
    """

    files: tuple[OfficialFile, ...]
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    layout: CifarLayout | None = None
    train: Mapping[str, int] = field(default_factory=dict)
    test: Mapping[str, int] = field(default_factory=dict)

    @property
    def members(self) -> dict[str, int]:
        """Bytes of each unpacked file, training files first."""
        return {**self.train, **self.test}


@dataclass(frozen=True)
class FileCheck:
    """What `check` says of one file: its state (one of STATES), what was expected and found, where it lies."""

    file: str
    state: str
    expected: str
    found: str
    path: Path | None = None


def _idx_files(train_x: str, train_y: str, test_x: str, test_y: str) -> tuple[OfficialFile, ...]:
    # A header of 4 bytes and 4 a dimension; 60 000 and 10 000 pictures of 28 x 28.
    return (
        OfficialFile("train-images-idx3-ubyte", "sha256", train_x, 16 + 60_000 * 784),
        OfficialFile("train-labels-idx1-ubyte", "sha256", train_y, 8 + 60_000),
        OfficialFile("t10k-images-idx3-ubyte", "sha256", test_x, 16 + 10_000 * 784),
        OfficialFile("t10k-labels-idx1-ubyte", "sha256", test_y, 8 + 10_000),
    )


SOURCES: dict[str, Source] = {
    "mnist": Source(
        files=_idx_files(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        folders=("mnist", "MNIST", "MNIST/raw", "mnist/raw"),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    ),
    "fashion_mnist": Source(
        files=_idx_files(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        folders=("fashion-mnist", "fashion_mnist", "FashionMNIST", "FashionMNIST/raw"),
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    ),
    "cifar10": Source(
        files=(OfficialFile("cifar-10-binary.tar.gz", "md5", "c32a1d4ab5d03f1284b67883e8d87530"),),
        folders=("cifar10", "cifar-10", "CIFAR10", ""),
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        layout=CIFAR10,
        train={f"cifar-10-batches-bin/data_batch_{i}.bin": 10_000 * CIFAR10.record_bytes for i in range(1, 6)},
        test={"cifar-10-batches-bin/test_batch.bin": 10_000 * CIFAR10.record_bytes},
    ),
    "cifar100": Source(
        files=(OfficialFile("cifar-100-binary.tar.gz", "md5", "03b5dce01913d631647c71ecec9e9cb8"),),
        folders=("cifar100", "cifar-100", "CIFAR100", ""),
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        layout=CIFAR100,
        train={"cifar-100-binary/train.bin": 50_000 * CIFAR100.record_bytes},
        test={"cifar-100-binary/test.bin": 10_000 * CIFAR100.record_bytes},
    ),
}

_verified: set[tuple[str, int, int, str]] = set()  # path, time stamp, size, checksum: hashed once a process


def mend(name: str) -> str:
    """The hint for a file that is missing or not what it should be."""
    return f"sensdb data fetch {name} gets it anew; or name the folder of a good copy in SENSDB_DATA."


def find_files(name: str, search: Sequence[Path]) -> dict[str, list[Path]]:
    """Where the files of a data set lie, good or bad, in the order in which they are tried.

    Looks in every layout that hand downloads and other libraries leave behind (`Source.folders`), in search folders
    that are such a folder themselves, raw and compressed, and in SYSTEM_FOLDERS at the end.

    Args:
        name: a data set of SOURCES.
        search: folders in order (`Settings.data_paths`).

    Returns:
        For each published file, and each unpacked file of an archive, the paths found: perhaps none.
    """
    source = SOURCES[name]
    folders = list(_folders(source, search))
    found: dict[str, list[Path]] = {}
    for file in source.files:
        names = [file.name] if file.n_bytes is None else [file.name, f"{file.name}.gz"]
        found[file.name] = _existing(folders, names)
    for member in source.members:
        # With the archive's own folder, or directly in a folder that was named after the data set.
        names = [member, Path(member).name]
        found[member] = _existing(folders, [*names, *(f"{each}.gz" for each in names)])
    return found


def unpacked_members(source: Source, found: Mapping[str, list[Path]]) -> dict[str, Path]:
    """The unpacked files of an archive from the first folder that has them all; empty where none has."""
    folders = dict.fromkeys(path.parent for member in source.members for path in found[member])
    for folder in folders:
        members = {member: path for member in source.members for path in found[member] if path.parent == folder}
        if members and len(members) == len(source.members):
            return members
    return {}


def check_file(path: Path, file: OfficialFile) -> FileCheck:
    """Hold one file's length and checksum against the published ones; an unchanged good file is hashed once a process.

    Returns:
        A FileCheck with the state ok, or what is wrong: truncated, too long, altered, mixed up (another official
        file under this name) or unreadable.
    """
    with naming(path):
        status = path.stat()
    key = (str(path.resolve()), status.st_mtime_ns, status.st_size, file.checksum)
    expected = f"{file.algorithm} {file.checksum}"
    if key in _verified:
        return FileCheck(file.name, OK, expected, expected, path)
    digest, n_bytes, broken = hashlib.new(file.algorithm, usedforsecurity=False), 0, None
    try:
        for chunk in _content(path, decompress=file.n_bytes is not None):
            n_bytes += len(chunk)
            digest.update(chunk)
            if file.n_bytes is not None and n_bytes > file.n_bytes:
                break
    except DataError as error:
        broken = error.message
    if file.n_bytes is not None and n_bytes != file.n_bytes:
        more = n_bytes > file.n_bytes
        state = TOO_LONG if more else TRUNCATED
        found = f"{'more than ' if more else ''}{file.n_bytes if more else n_bytes} bytes"
        return FileCheck(file.name, state, f"{file.n_bytes} bytes", found, path)
    if broken is not None:
        return FileCheck(file.name, UNREADABLE, expected, broken, path)
    found = f"{file.algorithm} {digest.hexdigest()}"
    if digest.hexdigest() == file.checksum:
        _verified.add(key)
        return FileCheck(file.name, OK, expected, found, path)
    return FileCheck(file.name, *_wrong_checksum(digest.hexdigest(), expected, found), path)


def check_member(path: Path, n_bytes: int) -> FileCheck:
    """Hold an unpacked file's length against that of the original; no checksum of these files is published."""
    found = sum(len(chunk) for chunk in _content(path, decompress=True))
    state = OK if found == n_bytes else TRUNCATED if found < n_bytes else TOO_LONG
    return FileCheck(path.name, state, f"{n_bytes} bytes", f"{found} bytes", path)


def wrong_file(name: str, check: FileCheck) -> DataError:
    """The refusal of a file that is not what it should be."""
    found = check.found.rstrip(".")
    return DataError(f"{name}: {check.path} is {check.state}: {check.expected} expected, {found} found.", mend(name))


def missing_file(name: str, file: str, search: Sequence[Path]) -> DataError:
    """The refusal of a data set of which a file is nowhere."""
    folders = ", ".join(map(str, search)) or "no folder"
    return DataError(f"{name}: no {file}, raw or .gz, in {folders}.", mend(name))


def _wrong_checksum(digest: str, expected: str, found: str) -> tuple[str, str, str]:
    for name, source in SOURCES.items():
        for other in source.files:
            if other.checksum == digest:
                return MIXED_UP, expected, f"{found} ({other.name} of {name})"
    return ALTERED, expected, found


def _content(path: Path, *, decompress: bool) -> Iterator[bytes]:
    if decompress:
        with open_content(path) as content:
            # read1 gives what there is before a gzip stream breaks; read would drop it.
            while chunk := cast(io.BufferedIOBase, content).read1(CHUNK_BYTES):
                yield chunk
    else:
        with naming(path), path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


def _folders(source: Source, search: Sequence[Path]) -> Iterator[Path]:
    own = [Path(each).parts for each in (*source.folders, *{str(Path(member).parent) for member in source.train})]
    for folder in search:
        parts = folder.absolute().parts
        if any(layout and parts[-len(layout) :] == layout for layout in own):
            yield folder
        yield from (folder / each for each in source.folders)
    yield from (folder / source.folders[0] for folder in SYSTEM_FOLDERS)


def _existing(folders: Sequence[Path], names: Sequence[str]) -> list[Path]:
    paths = (folder / name for folder in folders for name in names)
    # os.path: a folder that may not be entered counts as one without the file.
    return list(dict.fromkeys(path for path in paths if os.path.isfile(path)))
