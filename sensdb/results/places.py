"""Where artifacts lie: a folder of this machine, which needs nothing further, or a place that fsspec knows."""

from __future__ import annotations

import os
import uuid
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from sensdb.database.url import mask
from sensdb.errors import ArtifactError, WorkerFault

LOCAL_SCHEMES = ("file://", "local://")


class Place(Protocol):
    """Files by name; a name is relative, its parts joined by /.

    Raises, from every method: FileNotFoundError where it is said, any other OSError where the place cannot be used.
    """

    def write(self, name: str, data: bytes) -> None:
        """Make the file, whole or not at all; one that is there is replaced."""

    def read(self, name: str) -> bytes:
        """The file's content; FileNotFoundError where there is none."""

    def remove(self, name: str) -> None:
        """Remove the file; FileNotFoundError where there is none."""

    def has(self, name: str) -> bool:
        """Whether there is such a file, or a folder with anything in it."""


class Folder:
    """A folder of the file system. Nothing outside it is read, written or removed, whatever links lie in it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, name: str, data: bytes) -> None:
        path = self._inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{uuid.uuid4().hex}.part"
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        # The name too must outlive a power cut: the row that holds it is about to be committed.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self, name: str) -> bytes:
        return self._inside(name).read_bytes()

    def remove(self, name: str) -> None:
        self._inside(name).unlink()

    def has(self, name: str) -> bool:
        path = self._inside(name)
        return path.is_file() or (path.is_dir() and any(path.iterdir()))

    def _inside(self, name: str) -> Path:
        """The path of a name with every link followed.

        Raises:
            ArtifactError: it lies outside the folder.
        """
        root = self._root.resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise ArtifactError(f"artifact {name} lies outside the artifact folder {self._root}: at {path}.")
        return path


class Remote:
    """A place behind an fsspec URL, such as s3://bucket/prefix."""

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        try:
            self._files: Any
            self._files, root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise WorkerFault(
                f"{mask(url)} cannot be used for artifacts: {error}.",
                "SENSDB_ARTIFACTS takes a folder, or a URL whose fsspec package is installed.",
            ) from None
        self._root = PurePosixPath(root)

    def write(self, name: str, data: bytes) -> None:
        path = self._at(name)
        there = self._files.exists(path)
        if there and self.read(name) == data:
            return
        temporary = f"{path}.{uuid.uuid4().hex}.part"
        self._files.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
        self._files.pipe_file(temporary, data)
        if there:
            # Some file systems do not rename onto a file that is there.
            self._files.rm_file(path)
        self._files.mv(temporary, path)

    def read(self, name: str) -> bytes:
        content: bytes = self._files.cat_file(self._at(name))
        return content

    def remove(self, name: str) -> None:
        self._files.rm_file(self._at(name))

    def has(self, name: str) -> bool:
        path = self._at(name)
        return bool(self._files.isfile(path) or (self._files.isdir(path) and self._files.ls(path, detail=False)))

    def _at(self, name: str) -> str:
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise ArtifactError(f"artifact {name} lies outside the artifact folder {self._root}.")
        return str(self._root / name)


def open_place(url: str) -> Place:
    """The place of a folder's path or of an fsspec URL; nothing is made or looked at yet.

    Raises:
        WorkerFault: no such kind of URL is known here.
    """
    for scheme in LOCAL_SCHEMES:
        url = url.removeprefix(scheme)
    return Remote(url) if "://" in url else Folder(Path(url).expanduser())
