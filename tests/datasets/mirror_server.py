"""A real HTTP server on 127.0.0.1 that serves files as mirrors do, and as bad mirrors do."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Mirror:
    """What one mirror holds and how it behaves.

    Args:
        contents: files by name.
        ranges: whether it goes on from a byte that is asked for; else it always sends the whole file.
        cuts: for each request in turn, after how many bytes the connection ends; none left: not at all.
        lengths: whether it says how long a file is.
        wrong_range: send a range from the start, whatever was asked for.
    """

    contents: dict[str, bytes]
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    lengths: bool = True
    wrong_range: bool = False
    address: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    """Says nothing of clients that hang up early, as those do that find a file wrong; anything else is shown."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(mirror: Mirror) -> Iterator[Mirror]:
    """Serve a mirror for the length of the block; fills in its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, asked = self.path.rsplit("/", 1)[-1], self.headers.get("Range")
            mirror.requests.append((name, asked))
            if name not in mirror.contents:
                self.send_error(404)
                return
            whole = mirror.contents[name]
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and mirror.ranges else 0  # type: ignore[index]
            if start >= len(whole) > 0 and asked and mirror.ranges:
                self.send_error(416)
                return
            partial = asked is not None and mirror.ranges
            if mirror.wrong_range and partial:
                start = 0
            self.send_response(206 if partial else 200)
            if partial:
                self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
            if mirror.lengths:
                self.send_header("Content-Length", str(len(whole) - start))
            self.end_headers()
            n_sent = mirror.cuts.pop(0) if mirror.cuts else len(whole)
            self.wfile.write(whole[start : start + n_sent])

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    mirror.address = f"http://127.0.0.1:{server.server_port}/sets/"
    try:
        yield mirror
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
