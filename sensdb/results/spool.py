"""The spool: finished results on this host's disk until the database takes them (promise P16 of the queue).

    <cache>/spool/<identity of the database>/<worker_id>/<model_id>-<attempt>.result
    <cache>/spool/<identity of the database>/refused/<model_id>-<attempt>-<8 digits>.result

A worker keeps the lock of its folder while it lives; what lies in a folder whose lock can be had was left by a dead
process of this host, and any worker takes it in. What its attempt's successor has overtaken is kept aside in `refused`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sensdb.errors import ArtifactError, DatabaseError, WorkerFault
from sensdb.jobs.queue import Pair, Queue
from sensdb.results.spooled import read_result, result_bytes
from sensdb.results.writer import MODELS_AT_ONCE, Result, store

log = logging.getLogger(__name__)

BYTES_AT_MOST = 10 * 10**9
REFUSED_BYTES_AT_MOST = 10**9
"""Of what is kept aside, beside the results that wait; the oldest go first."""

SUFFIX = ".result"
REFUSED = "refused"
LOCK = "lock"


@dataclass
class TakenIn:
    """What became of spooled results: (model_id, attempt) of those stored, and of those kept aside."""

    stored: list[Pair] = field(default_factory=list)
    refused: list[Pair] = field(default_factory=list)


def spool_folder(cache: Path, identity: str) -> Path:
    """Where spooled results of one database lie, in the cache folder of `Settings.cache_path`."""
    return cache / "spool" / identity


class Spool:
    """The spooled results of one worker. Nothing is made on the disk before the first.

    Args:
        folder: that of the database, `spool_folder`.
        worker_id: new at each start of a worker.
        bytes_at_most: results of all workers of this host that wait for this database.
    """

    def __init__(self, folder: Path, worker_id: str, *, bytes_at_most: int = BYTES_AT_MOST) -> None:
        self.bytes_at_most = bytes_at_most
        self._folder = folder
        self._own = folder / worker_id
        self._lock: int | None = None
        self._waiting: dict[Pair, Path] = {}

    @property
    def waiting(self) -> frozenset[Pair]:
        """Attempts whose results this worker has spooled and nobody has taken in; may be asked from any thread."""
        return frozenset(self._waiting)

    def put(self, result: Result) -> None:
        """Keep a result: whole and on the disk when this returns, whatever happens to the machine.

        Raises:
            WorkerFault: the spool is full, or its folder cannot be written.
        """
        data = result_bytes(result)
        try:
            if _size(self._folder.glob(f"*/*{SUFFIX}"), but=self._folder / REFUSED) + len(data) > self.bytes_at_most:
                raise WorkerFault(
                    f"the spool {self._folder} is full: {self.bytes_at_most / 1e9:g} GB of results wait in it.",
                    "sensdb doctor says whether the database can be reached.",
                )
            self._open()
            path = self._own / f"{result.model_id}-{result.attempt}{SUFFIX}"
            _write(path, data)
        except OSError as error:
            raise WorkerFault(
                f"the spool {self._folder}: {error.strerror or error}.", "SENSDB_CACHE names another folder."
            ) from None
        self._waiting[result.pair] = path

    def take_in(self, queue: Queue) -> TakenIn:
        """Store what waits here, and what dead processes of this host left behind.

        A result is stored if its attempt still runs, or was lost and nothing followed it (`Queue.adopt`); else it is
        kept aside. Storing one twice is safe, so a kill between COMMIT and the removal of the file costs nothing.

        Raises:
            DatabaseError: the database is away; what is not stored stays.
        """
        taken = TakenIn()
        self._take(queue, sorted(self._waiting.values()), taken)
        for folder in self._others():
            with _locked(folder / LOCK) as dead:
                if not dead:
                    continue
                self._take(queue, sorted(folder.glob(f"*{SUFFIX}")), taken)
                _remove(folder)
        return taken

    def close(self) -> None:
        """Let go of the folder; results that still wait are taken in by the next worker on this host."""
        if self._lock is None:
            return
        _remove(self._own)
        os.close(self._lock)
        self._lock = None

    def _open(self) -> None:
        """Make this worker's folder, locked from the moment others can see it."""
        if self._lock is not None:
            return
        new = self._folder / f".{self._own.name}"
        new.mkdir(parents=True, exist_ok=True)
        lock = os.open(new / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.rename(new, self._own)
        self._lock = lock

    def _others(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [
            path
            for path in sorted(self._folder.iterdir())
            if path.is_dir() and path != self._own and path.name != REFUSED and not path.name.startswith(".")
        ]

    def _take(self, queue: Queue, paths: Sequence[Path], taken: TakenIn) -> None:
        for start in range(0, len(paths), MODELS_AT_ONCE):
            results: dict[Path, Result] = {}
            for path in paths[start : start + MODELS_AT_ONCE]:
                try:
                    results[path] = read_result(path.read_bytes(), path.name)
                except FileNotFoundError:
                    self._forget(path)
                except ArtifactError as error:
                    self._set_aside(path, error.message)
            accepted = self._store(queue, results)
            for path, result in results.items():
                if result.pair in accepted:
                    path.unlink(missing_ok=True)
                    self._forget(path)
                    taken.stored.append(result.pair)
                else:
                    self._set_aside(path, "its attempt has ended and cannot be taken up again")
                    taken.refused.append(result.pair)

    def _store(self, queue: Queue, results: dict[Path, Result]) -> set[Pair]:
        try:
            return set(store(queue, list(results.values()), adopt=True))
        except DatabaseError:
            raise
        except Exception as error:
            # A result that this database will never take must not keep the others from it.
            if len(results) > 1:
                return {pair for path, one in results.items() for pair in self._store(queue, {path: one})}
            log.exception("%s cannot be stored: %s", *results, error)
            return set()

    def _set_aside(self, path: Path, why: str) -> None:
        aside = self._folder / REFUSED
        with suppress(OSError):
            aside.mkdir(parents=True, exist_ok=True)
            kept = aside / f"{path.stem}-{os.urandom(4).hex()}{SUFFIX}"
            os.replace(path, kept)
            log.warning("the spooled result %s is not stored: %s. It is kept as %s.", path.name, why, kept)
            oldest_first = sorted(aside.glob(f"*{SUFFIX}"), key=lambda one: one.stat().st_mtime)
            while len(oldest_first) > 1 and _size(oldest_first) > REFUSED_BYTES_AT_MOST:
                oldest_first.pop(0).unlink(missing_ok=True)
        self._forget(path)

    def _forget(self, path: Path) -> None:
        for pair, known in list(self._waiting.items()):
            if known == path:
                del self._waiting[pair]


def _write(path: Path, data: bytes) -> None:
    """The file whole or not at all, under its name even after a power cut."""
    part = path.with_suffix(".part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(folder: Path) -> None:
    """A worker's folder, unless results lie in it."""
    if any(folder.glob(f"*{SUFFIX}")):
        return
    shutil.rmtree(folder, ignore_errors=True)


def _size(paths: Iterator[Path] | Sequence[Path], but: Path | None = None) -> int:
    total = 0
    for path in paths:
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.parent != but else 0
    return total


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether the lock could be had, which is then held: its process is no more."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)
