"""Bring the mirror up to the database: what is new is copied, what is gone is dropped, the rest is not touched.

Points are immutable under their result_id, so a sync compares two sets of result_ids: what the database has, read
together with the small tables in one short snapshot, and what the segments hold. A watermark (largest id, latest
time) would lose for ever a result whose transaction was open while a later one was committed (stack.md 5).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import sqlalchemy as sa

from sensdb.database.engine import open_engine, require_schema
from sensdb.database.url import mask
from sensdb.mirror import changes, summaries
from sensdb.mirror import manifest as files
from sensdb.mirror.manifest import Manifest, Progress

__all__ = ["Progress", "sync"]


def sync(
    database_url: str,
    cache: Path,
    *,
    rebuild: bool = False,
    progress: Progress | None = None,
    grace_seconds: float = files.GRACE_SECONDS,
) -> Manifest:
    """Make the mirror equal to its database and return its manifest.

    Killed at any moment, it leaves the manifest before it valid.

    Args:
        database_url: as the user gave it.
        cache: folder of all mirrors.
        rebuild: copy everything anew, as is done with a mirror that another version of sensdb wrote.
        progress: told how many point rows are copied.
        grace_seconds: how long replaced files stay for queries that still read them.

    Raises:
        DatabaseError: the database cannot be read or has another schema; another sync does not end.
    """
    engine = open_engine(database_url, read_only=True, application_name="sensdb mirror", limits=False)
    try:
        mark = changes.mark_of(engine)  # before anything is read: what is committed from here on is another mark
        if not rebuild and (same := _unchanged(engine, cache, mark, grace_seconds)) is not None:
            if progress is not None:
                progress(0, 0)
            return same
        # Imports Arrow's functions and Parquet: as long as all else in a command whose answer is kept.
        from sensdb.mirror import build as building

        require_schema(engine)
        identity = building.identity_of(engine)
        folder = files.mirror_folder(cache, identity)
        with files.exclusive(folder):
            before = files.read_manifest(folder)
            start = before if before is not None and not rebuild else Manifest(identity, "", "")
            made = dataclasses.replace(building.build(engine, folder, start, progress), database=mask(engine.url))
            files.write_manifest(folder, made)
            retired = before.files - made.files if before is not None else set()
            files.remove_unnamed(folder, made, retired=retired, grace_seconds=grace_seconds)
            files.remember_identity(cache, engine.url, identity)
            changes.remember_mark(cache, folder, engine.url, mark)
        return made
    finally:
        engine.dispose()


def _unchanged(engine: sa.Engine, cache: Path, mark: str | None, grace_seconds: float) -> Manifest | None:
    """The mirror as it is, where nothing was committed since it was made and all of it is there."""
    identity = files.recall_identity(cache, engine.url) if mark is not None else None
    if identity is None:
        return None
    folder = files.mirror_folder(cache, identity)
    if not changes.is_unchanged(cache, folder, engine.url, mark):
        return None
    found = files.read_manifest(folder)  # after the look at its hash: another sync may have made it newer, never older
    if (
        found is None
        or not files.is_in_order(folder, found, grace_seconds=grace_seconds)
        or any(segment.summary_version != summaries.VERSION for segment in found.segments)
    ):
        return None
    return dataclasses.replace(found, synced_at=files.written(dt.datetime.now(dt.UTC)), database=mask(engine.url))
