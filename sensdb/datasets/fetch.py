"""Fetching the official files from their mirrors, and checking those that are there."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from sensdb.datasets.catalogue import DATASET_NAMES, is_npz, unknown_dataset
from sensdb.datasets.files import (
    MISSING,
    OK,
    SOURCES,
    UNREADABLE,
    FileCheck,
    OfficialFile,
    check_file,
    find_files,
    unpacked_members,
)
from sensdb.datasets.formats import CHUNK_BYTES
from sensdb.datasets.npz import find_npz
from sensdb.datasets.official import check_unpacked, read_official
from sensdb.errors import DataError
from sensdb.version import __version__

Progress = Callable[[str, int, int | None], None]

SILENCE_SECONDS = 30.0  # a mirror that sends nothing for so long counts as dead
CONTINUATIONS = 5  # how often a mirror that breaks off may go on where it stopped
# Larger than the archives (170 MB), smaller than a disk.
_ARCHIVE_LIMIT_BYTES = 256 << 20


class _MirrorFailed(Exception):
    """A mirror cannot give the file; the text says why."""


class _OtherRange(_MirrorFailed):
    """A mirror answers with another part of the file than the one it was asked for."""


class _BrokenOff(_MirrorFailed):
    """A mirror stopped in the middle; what came is kept in the .part file."""


def fetch(
    name: str, folder: Path, progress: Progress | None = None, *, mirrors: Sequence[str] | None = None
) -> list[Path]:
    """Bring the official files of a data set into a data folder, each verified before it gets its name.

    A file that is there and good is left alone. Otherwise the mirrors are tried in order. Bytes go to `<file>.part`,
    which a later call goes on from (HTTP Range); a part that does not lead to the right checksum is thrown away and
    the file begun again. Archives stay packed: readers read them as they are.

    Args:
        name: one of DATASET_NAMES.
        folder: the data folder (`Settings.data_paths[-1]`); files go to their own folder within.
        progress: called with the file's name, the bytes there are, and the bytes there will be (None if not known).
        mirrors: addresses of folders to use in place of the published ones.

    Returns:
        Where each published file lies now; empty for digits, which comes with scikit-learn.

    Raises:
        DataError: no mirror gave the right file, naming each and why, and what to do by hand; the folder cannot be
            written; another fetch of this data set is at work there; the name stands for no official data set.
    """
    if is_npz(name):
        raise DataError(f"{name} is nowhere to fetch: it is your own file.", "name its folder in SENSDB_DATA.")
    if name not in DATASET_NAMES:
        raise unknown_dataset(name)
    if name == "digits":
        return []
    source = SOURCES[name]
    own_folder = folder / source.folders[0]
    with _writing_to(own_folder), _alone(name, own_folder):
        addresses = source.mirrors if mirrors is None else mirrors
        return [_fetch_file(name, file, own_folder, addresses, progress or _silent) for file in source.files]


def check(name: str, search: Sequence[Path], *, last_path: str | Path | None = None) -> list[FileCheck]:
    """What state each file of a data set is in: every copy that lies in the folders, and what is missing.

    Args:
        name: one of DATASET_NAMES, or `npz:<sha256>`.
        search: folders in order (`Settings.data_paths`).
        last_path: where an .npz lay when it was last seen.

    Returns:
        One FileCheck a copy, and one with the state missing for each file without any; never empty. The data set
        can be used if each file has one copy that is ok.

    Raises:
        DataError: there is no data set of this name.
    """
    if is_npz(name):
        return [_check_npz(name, search, last_path)]
    if name not in DATASET_NAMES:
        raise unknown_dataset(name)
    if name == "digits":
        return [_check_digits()]
    source, found = SOURCES[name], find_files(name, search)
    checks = [check_file(path, file) for file in source.files for path in found[file.name]]
    members = unpacked_members(source, found)
    if source.layout is not None and members:
        try:
            checks += check_unpacked(source, source.layout, members)
        except DataError as error:
            folder = next(iter(members.values())).parent
            checks.append(
                FileCheck("unpacked files", UNREADABLE, "records of labels and pixels", error.message, folder)
            )
        return checks
    missing = [file for file in source.files if not found[file.name]]
    return checks + [FileCheck(file.name, MISSING, f"{file.algorithm} {file.checksum}", "nothing") for file in missing]


def _check_npz(name: str, search: Sequence[Path], last_path: str | Path | None) -> FileCheck:
    try:
        path, _ = find_npz(name, search, last_path)
    except DataError:
        return FileCheck(".npz", MISSING, name, "nothing")
    return FileCheck(path.name, OK, name, name, path)


def _check_digits() -> FileCheck:
    try:
        read_official("digits", ())
    except DataError as error:
        return FileCheck("digits.csv.gz", UNREADABLE, "scikit-learn's copy", error.message)
    return FileCheck("digits.csv.gz", OK, "scikit-learn's copy", "scikit-learn's copy")


def _fetch_file(name: str, file: OfficialFile, folder: Path, mirrors: Sequence[str], progress: Progress) -> Path:
    target = folder / file.published_name
    for path in (target, folder / file.name):
        if path.is_file() and check_file(path, file).state == OK:
            return path
    part = folder / f"{file.published_name}.part"
    failures = []
    for mirror in mirrors:
        address = f"{mirror.rstrip('/')}/{file.published_name}"
        try:
            _fetch_from(address, part, file, progress)
        except _MirrorFailed as failure:
            failures.append(f"{address}: {failure}")
            continue
        os.replace(part, target)
        return target
    raise DataError(
        f"{name}: no mirror gave {file.published_name}. {'; '.join(failures)}.",
        f"copy it into {folder} by hand, or name a folder that has it in SENSDB_DATA; sensdb data check {name} "
        "then verifies it.",
    )


def _fetch_from(address: str, part: Path, file: OfficialFile, progress: Progress) -> None:
    """Fill the part file from one mirror until its content is right."""
    n_continued = 0
    while True:
        n_before = part.stat().st_size if part.exists() else 0
        try:
            _receive(address, part, file, progress)
        except _BrokenOff:
            n_continued += 1
            if n_continued > CONTINUATIONS or part.stat().st_size <= n_before:
                raise
            continue
        except _OtherRange:
            if not n_before:
                raise
            part.unlink()
            continue
        result = check_file(part, file)
        if result.state == OK:
            return
        part.unlink()
        if not n_before:
            raise _MirrorFailed(f"{result.state}, {result.expected} expected, {result.found.rstrip('.')} found")
        # The beginning may have come from another mirror, which compressed the same content in another way.


def _receive(address: str, part: Path, file: OfficialFile, progress: Progress) -> None:
    """One request: go on where the part file ends if the mirror can, else begin it anew."""
    n_bytes = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": f"sensdb/{__version__}", **({"Range": f"bytes={n_bytes}-"} if n_bytes else {})}
    try:
        response = urlopen(Request(address, headers=headers), timeout=SILENCE_SECONDS)
    except HTTPError as error:
        error.close()
        if error.code == 416 and n_bytes:
            return  # nothing follows: the part is the whole file, or is of another one, as its checksum will tell
        raise _MirrorFailed(f"answers {error.code} {error.reason}") from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        raise _MirrorFailed(_reason(error)) from None
    with response:
        start, total = _extent(response, n_bytes)
        limit = _ARCHIVE_LIMIT_BYTES if file.n_bytes is None else file.n_bytes + file.n_bytes // 100 + CHUNK_BYTES
        with part.open("ab") as stored:
            stored.truncate(start)
            progress(file.published_name, start, total)
            for chunk in _chunks(response):
                start += len(chunk)
                if start > limit:
                    stored.truncate(0)
                    raise _MirrorFailed(f"sends more than {limit} bytes")
                stored.write(chunk)
                progress(file.published_name, start, total)
            stored.flush()
            os.fsync(stored.fileno())
    if total is not None and start < total:
        raise _BrokenOff(f"broke off after {start} of {total} bytes")


def _extent(response: HTTPResponse, n_bytes: int) -> tuple[int, int | None]:
    """Where in the file the answer begins, and how long the whole file is, if the mirror says so."""
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != n_bytes:
            raise _OtherRange(f"sends another range than bytes {n_bytes} onwards")
        return n_bytes, None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read(CHUNK_BYTES // 16):
            yield chunk
    except (HTTPException, OSError) as error:
        raise _BrokenOff(_reason(error)) from None


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return " ".join(text.split()) or type(error).__name__


def _silent(file: str, n_bytes: int, total: int | None) -> None:
    """Progress that nobody watches."""


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror or error}.", "name another folder.") from None


@contextmanager
def _alone(name: str, folder: Path) -> Iterator[None]:
    """Keep two fetches from writing one part file; the lock file stays, for removing it would undo the lock."""
    with (folder / f".{name}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"another fetch of {name} writes to {folder}.", "wait until it is done.") from None
        except OSError:
            pass  # a file system without locks: two fetches at once would only begin the file anew
        yield
