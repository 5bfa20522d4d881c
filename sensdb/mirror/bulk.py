"""Copying many point rows at once: pages side by side, each lane in a process of its own.

Run as `python -m sensdb.mirror.bulk` this is such a process: a JSON document of work on stdin, a JSON line a page on
stdout. Why a process: on SQLite see `arrow.open_source`; and summaries are a good part of the work, half of it outside
of what threads share. It starts in half a second, in which the driver copies as much as `FEWEST_ROWS`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import sqlalchemy as sa

from sensdb import version
from sensdb.database.engine import open_engine
from sensdb.database.url import mask, sqlite_path
from sensdb.errors import DatabaseError, SensdbError
from sensdb.mirror.manifest import Result, Segment, segment_of
from sensdb.mirror.points import point_pages
from sensdb.mirror.segments import copy_page

FEWEST_ROWS = 200_000
MOST_LANES = 4

Page = Sequence[Result]
Copied = tuple[Page, Segment | None]


def copy_pages(
    engine: sa.Engine, folder: Path, pages: Sequence[Page], n_points: Mapping[Result, int]
) -> Iterator[Copied]:
    """Copy pages into segments; gives each page with its segment as it is done, in any order.

    Raises:
        DatabaseError: the database cannot be read.
    """
    if sum(n_points[result] for page in pages for result in page) < FEWEST_ROWS:
        yield from _copy_here(engine, folder, pages, n_points)
        return
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    n_lanes = min(MOST_LANES, len(pages), n_cores)
    copied: SimpleQueue[Copied | Exception] = SimpleQueue()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(n_lanes))
        stop = threading.Event()
        stack.callback(stop.set)
        for share in (pages[lane::n_lanes] for lane in range(n_lanes)):
            child = _start_child(engine.url, folder, share, n_points)
            stack.callback(_end_child, child)
            pool.submit(_pass_on, _lines_of(child, engine.url, share), copied, stop)
        for _ in pages:
            item = copied.get()
            if isinstance(item, Exception):
                raise item
            yield item


def _pass_on(lane: Iterator[Copied], copied: SimpleQueue[Copied | Exception], stop: threading.Event) -> None:
    try:
        for item in lane:
            copied.put(item)
            if stop.is_set():
                return
    except Exception as error:  # noqa: BLE001  a thread's error belongs to whoever waits for it
        copied.put(error)


def _copy_here(
    engine: sa.Engine, folder: Path, pages: Sequence[Page], n_points: Mapping[Result, int]
) -> Iterator[Copied]:
    with point_pages(engine) as read:
        for page in pages:
            yield page, copy_page(read, folder, page, n_points)


def _start_child(
    url: sa.URL, folder: Path, pages: Sequence[Page], n_points: Mapping[Result, int]
) -> subprocess.Popen[str]:
    work = {
        # Its parts, for a file's name may hold what a URL would quote; the password goes through a pipe of our own.
        "url": {**url._asdict(), "query": dict(url.query), "database": _place(url)},
        "folder": str(folder.absolute()),
        "pages": [[(*result, n_points[result]) for result in page] for page in pages],
    }
    package = str(Path(version.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    child = subprocess.Popen(
        [sys.executable, "-m", "sensdb.mirror.bulk"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C is for this process, which ends its children itself
    )
    assert child.stdin is not None
    with child.stdin as stdin:
        json.dump(work, stdin)
    return child


def _place(url: sa.URL) -> str | None:
    return str(sqlite_path(url)) if url.get_backend_name() == "sqlite" else url.database


def _lines_of(child: subprocess.Popen[str], url: sa.URL, pages: Sequence[Page]) -> Iterator[Copied]:
    assert child.stdout is not None
    for page in pages:
        line = child.stdout.readline()
        if not line:
            raise DatabaseError(f"copying points of {mask(url)} ended with code {child.wait()} before it was done.")
        said = json.loads(line)
        if "error" in said:
            raise DatabaseError(said["error"], said["hint"])
        yield page, None if said["segment"] is None else segment_of(said["segment"])


def _end_child(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def _copy_as_child(work: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    engine = open_engine(sa.URL.create(**work["url"]), read_only=True, application_name="sensdb mirror", limits=False)
    # The engine only says where; ADBC's copy of SQLite must be the one copy that opens the file here.
    with point_pages(engine, own_process=True) as read:
        for page in work["pages"]:
            n_points = {(model_id, result_id): n for model_id, result_id, n in page}
            segment = copy_page(read, Path(work["folder"]), list(n_points), n_points)
            yield {"segment": None if segment is None else asdict(segment)}


def main() -> None:
    """Do the work that stdin describes; an error becomes the last line."""
    try:
        for line in _copy_as_child(json.load(sys.stdin)):
            print(json.dumps(line), flush=True)
    except BrokenPipeError:  # the sync was ended: what was copied is orphaned and removed by a later one
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except SensdbError as error:
        print(json.dumps({"error": error.message, "hint": error.hint}), flush=True)


if __name__ == "__main__":
    main()
