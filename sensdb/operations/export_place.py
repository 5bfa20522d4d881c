"""The folder of an export: whole, with a manifest that names every file, or not there at all.

All is written into a folder beside it, which takes its place when nothing is missing any more; a kill leaves the
folder beside it, and the next export to the same place removes that.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sensdb.errors import SensdbError

MANIFEST = "manifest.json"
KIND = "sensdb export"


def earlier_export(folder: Path) -> dict[str, Any] | None:
    """The manifest of the export that lies in a folder; None where it is missing or empty.

    Raises:
        SensdbError: the folder holds anything that no manifest of sensdb names.
    """
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise SensdbError(f"{folder} is a file, not a folder.", "name a folder that is not there yet.")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if not found:
        return None
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        named = {MANIFEST, *(file["path"] for file in manifest["files"])} if manifest["kind"] == KIND else set()
    except (OSError, ValueError, KeyError, TypeError):
        named = set()
    foreign = sorted(found - named)
    if foreign:
        raise SensdbError(
            f"{folder} holds {foreign[0]}, which no export of sensdb wrote; nothing was changed.",
            "name a folder that is empty or not there yet.",
        )
    return manifest


def is_whole(folder: Path, manifest: dict[str, Any]) -> bool:
    """Whether every file is there in the size it was written."""
    try:
        return all((folder / file["path"]).stat().st_size == file["bytes"] for file in manifest["files"])
    except OSError:
        return False


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of `folder` at the end, unless an error ends it.

    Raises:
        SensdbError: another export to the same place is being written, or nothing can be written there.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder.with_name(f".{folder.name}.lock"), os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise SensdbError(f"cannot write in {folder.parent}: {error.strerror}.", "name another folder.") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SensdbError(
                f"another export is being written to {folder}.", "wait for it, or name another folder."
            ) from None
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            yield partial
            _sync(partial)
            _take_place(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        folder.with_name(f".{folder.name}.lock").unlink(missing_ok=True)
    except OSError as error:
        raise SensdbError(f"cannot write {folder}: {error.strerror or error}.", "is the disk full?") from error
    finally:
        os.close(handle)


def _take_place(partial: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Let the files reach the disk before their folder gets its name."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
