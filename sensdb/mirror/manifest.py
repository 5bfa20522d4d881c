"""Which files make up a mirror: one JSON document, replaced whole, so that a reader sees all of a sync or none.

A mirror is a folder `<cache>/mirror/<identity of the database>` of Parquet files that never change. The manifest
names those that count; a file it does not name is left from a sync that was killed, or waits for readers to finish.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa

from sensdb.database.revision import REVISION
from sensdb.database.url import mask, parse_url, sqlite_path
from sensdb.errors import DatabaseError
from sensdb.version import __version__

FORMAT = 2
MANIFEST = "manifest.json"
GRACE_SECONDS = 3600.0
"""How long a file that no manifest names stays: a query that began before it was replaced may still read it."""

LOCK_SECONDS = 600.0

Result = tuple[int, str]
"""model_id and result_id."""

Progress = Callable[[int, int], None]
"""Called with the point rows copied so far and those to copy in all."""


@dataclass(frozen=True)
class Segment:
    """One Parquet file of point rows, whole models, sorted by model and point.

    Attributes:
        file: name within the mirror's folder; holds the hash of the content.
        n_rows, n_bytes: size; a file of another size is not the one that was written.
        results: model_id and result_id of each result whose rows it holds.
        ranks, quantiles: files of the summaries of its models (mirror/summaries.py).
        summary_version: of what computed them.
    """

    file: str
    n_rows: int
    n_bytes: int
    results: tuple[Result, ...]
    ranks: str
    quantiles: str
    summary_version: int

    @property
    def files(self) -> tuple[str, str, str]:
        """Names of its files."""
        return self.file, self.ranks, self.quantiles


@dataclass(frozen=True)
class Manifest:
    """A whole mirror at one moment of its database.

    Attributes:
        identity: of the database, which names the folder.
        database: its URL with secrets masked, as the last sync was given it.
        synced_at: UTC, ISO 8601 with Z: the moment the rows were read.
        tables: file of each small table by its name.
        dataset_checksums: what `datasets` said when `dataset_points` was read.
        segments: of point_metrics.
    """

    identity: str
    database: str
    synced_at: str
    tables: dict[str, str] = field(default_factory=dict)
    dataset_checksums: tuple[tuple[str, str], ...] = ()
    segments: tuple[Segment, ...] = ()
    schema_revision: str = REVISION
    sensdb_version: str = __version__
    format: int = FORMAT

    @property
    def files(self) -> set[str]:
        """Names of all files that count."""
        return {*self.tables.values(), *(file for segment in self.segments for file in segment.files)}

    @property
    def is_current(self) -> bool:
        """Whether this version of sensdb can read what is there; a mirror it cannot is built anew."""
        return (self.format, self.schema_revision, self.sensdb_version) == (FORMAT, REVISION, __version__)


def written(moment: dt.datetime) -> str:
    """A moment of UTC as manifests have it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def mirror_folder(cache: Path, identity: str) -> Path:
    """The folder of a database's mirror."""
    return cache / "mirror" / identity


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a mirror; None where there is none, or none this version can read: a mirror is only a cache."""
    try:
        stored = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        segments = tuple(segment_of(segment) for segment in stored.pop("segments"))
        checksums = tuple((name, checksum) for name, checksum in stored.pop("dataset_checksums"))
        manifest = Manifest(segments=segments, dataset_checksums=checksums, **stored)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return manifest if manifest.is_current else None


def segment_of(stored: Mapping[str, Any]) -> Segment:
    """A segment as `dataclasses.asdict` and JSON left it."""
    results = tuple((int(model_id), str(result_id)) for model_id, result_id in stored["results"])
    return Segment(**{**stored, "results": results})


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make a manifest the mirror's, at once: a reader, or a kill at any moment, finds the old one or the new one."""
    write_file(folder, MANIFEST, json.dumps(asdict(manifest), separators=(",", ":")).encode())


def write_content(folder: Path, stem: str, content: bytes) -> str:
    """Store bytes as `<stem>-<hash>.parquet` and return that name; what is already there is not written again."""
    name = f"{stem}-{hashlib.sha256(content).hexdigest()[:24]}.parquet"
    path = folder / name
    if not path.exists() or path.stat().st_size != len(content):
        write_file(folder, name, content)
    return name


def write_file(folder: Path, name: str, content: bytes) -> None:
    """Store bytes under a name so that no half-written file ever has that name, not even after a power cut."""
    temporary = folder / f".{name}.{os.getpid()}.part"
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / name)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_unnamed(folder: Path, manifest: Manifest, *, retired: set[str], grace_seconds: float) -> None:
    """Delete files that no manifest names and that no running query can still want.

    Args:
        retired: files that the manifest before this one named; their grace begins now.
        grace_seconds: age from which an unnamed file goes.
    """
    for path in _unnamed(folder, manifest):
        if path.name in retired:
            os.utime(path)  # its age now counts from here
        elif _is_older(path, grace_seconds):
            path.unlink(missing_ok=True)


def is_in_order(folder: Path, manifest: Manifest, *, grace_seconds: float) -> bool:
    """Whether every file that a manifest names is there, segments in their size, and none waits to be removed."""
    try:
        with os.scandir(folder) as entries:
            sizes = {entry.name: entry.stat().st_size for entry in entries}
    except OSError:
        return False
    whole = all(sizes.get(segment.file) == segment.n_bytes for segment in manifest.segments)
    return (
        whole
        and manifest.files <= sizes.keys()
        and not any(_is_older(path, grace_seconds) for path in _unnamed(folder, manifest))
    )


def _unnamed(folder: Path, manifest: Manifest) -> Iterator[Path]:
    named = {*manifest.files, MANIFEST, "lock"}
    return (path for path in folder.iterdir() if path.name not in named and not path.is_dir())


def _is_older(path: Path, seconds: float) -> bool:
    try:
        return time.time() - path.stat().st_mtime > seconds
    except FileNotFoundError:
        return False  # another sync removed it


@contextmanager
def exclusive(folder: Path, *, wait_seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Only one process at a time writes a mirror; readers take no lock. The lock dies with its process.

    Raises:
        DatabaseError: another sync still runs after `wait_seconds`; names its process. Or the folder cannot be
            written.
    """
    with _lock_file(folder) as file:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    file.seek(0)
                    holder = file.read().strip() or "unknown"
                    raise DatabaseError(
                        f"another sync of this mirror has been running for {wait_seconds:g} s (process {holder}).",
                        "--no-sync answers from the mirror as it is.",
                    ) from None
                time.sleep(0.05)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _lock_file(folder: Path) -> TextIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise DatabaseError(
            f"the mirror's folder {folder} cannot be written: {error.strerror}.",
            "SENSDB_CACHE names another folder for mirrors.",
        ) from None


def remember_identity(cache: Path, url: sa.URL, identity: str) -> None:
    """Note which mirror belongs to a URL, so that it can be read without asking the database."""
    path = url_file(cache, url)
    path.parent.mkdir(parents=True, exist_ok=True)
    if recall_identity(cache, url) != identity:
        write_file(path.parent, path.name, identity.encode())


def recall_identity(cache: Path, url: sa.URL) -> str | None:
    """The identity a URL's database had at its last sync; None where it was never synced into this cache."""
    try:
        return url_file(cache, url).read_text(encoding="utf-8")
    except OSError:
        return None


def last_manifest(database_url: str, cache: Path) -> tuple[Path, Manifest]:
    """The folder and manifest of a database's mirror as it is, without asking the database.

    Raises:
        DatabaseError: there is none, or none this version of sensdb can read.
    """
    url = parse_url(database_url)
    identity = recall_identity(cache, url)
    folder = None if identity is None else mirror_folder(cache, identity)
    manifest = None if folder is None else read_manifest(folder)
    if folder is None or manifest is None:
        raise DatabaseError(f"there is no mirror of {mask(url)} in {cache}.", "sensdb sync makes it.")
    return folder, manifest


def url_file(cache: Path, url: sa.URL) -> Path:
    """Where the identity of a URL's database is noted."""
    # Without its password: a hash of one on disk could be guessed at.
    place: Any = sqlite_path(url) if url.get_backend_name() == "sqlite" else mask(url)
    return cache / "mirror" / "by-url" / hashlib.sha256(str(place).encode()).hexdigest()[:24]
