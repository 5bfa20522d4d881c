"""The only writer to stdout: rows in the seven formats, to stdout or to a file, and notes to stderr."""

from __future__ import annotations

import functools
import os
import select
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper, UnsupportedOperation
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import click

from sensdb.cli.formats import (
    FORMATS,
    SUFFIXES,
    csv_lines,
    json_array,
    json_lines,
    markdown_lines,
    printable,
    table_lines,
    tsv_lines,
)
from sensdb.cli.grid import Grid
from sensdb.cli.options import NearestChoice
from sensdb.errors import SensdbError, UsageError

if TYPE_CHECKING:
    from sensdb.cli.grid import Rows

R = TypeVar("R")
BLOCK_CHARACTERS = 1 << 16
TEXT_FORMATS: Mapping[str, Callable[[Grid], Iterable[str]]] = {
    "table": table_lines,
    "csv": csv_lines,
    "tsv": tsv_lines,
    "json": json_array,
    "jsonl": json_lines,
    "markdown": markdown_lines,
}


@dataclass(frozen=True)
class Output:
    """Where a listing command's rows go, and how: the values of -f and -o, already checked against each other.

    `asked` says whether either was given.
    """

    format: str
    path: Path | None = None
    asked: bool = False

    @classmethod
    def choose(cls, given: str | None, path: str | None) -> Output:
        """The format from -f, else from the suffix of -o, else table on a terminal and csv elsewhere.

        Raises:
            UsageError: the suffix names another format than -f, or none that is known.
        """
        asked = given is not None or path is not None
        if path is None or path == "-":
            return cls(given or ("table" if sys.stdout.isatty() else "csv"), asked=asked)
        by_suffix = SUFFIXES.get(Path(path).suffix.lower())
        if given is None and by_suffix is None:
            raise UsageError(
                f"-o {path}: no format has this suffix; allowed: {', '.join(SUFFIXES)}.", "-f names a format."
            )
        if given is not None and by_suffix not in (None, given):
            raise UsageError(f"-o {path} means {by_suffix}, -f says {given}.", "leave one of them out.")
        return cls(given or str(by_suffix), Path(path), asked)

    @property
    def is_table(self) -> bool:
        """Whether rows will be a table on stdout, which more text for people may follow."""
        return self.format == "table" and self.path is None

    @property
    def on_terminal(self) -> bool:
        """Whether rows will be a table for somebody who watches."""
        return self.is_table and sys.stdout.isatty()

    def write(self, rows: Rows, columns: Sequence[str] = (), n_all: int | None = None) -> None:
        """Write rows; the same ones with the same columns in the same order whatever the format.

        Args:
            rows: an Arrow table, a DataFrame or a list of mappings.
            columns: the columns and their order; needed where a list may be empty.
            n_all: how many rows there were before the user's --limit.
        """
        grid = Grid(rows, columns)
        if self.path is not None:
            _write_file(self.path, lambda file: self._encode(grid, file))
            note(f"wrote {counted(len(grid), 'row')} to {self.path}")
        elif self.on_terminal:
            _print(table_lines(grid, width=shutil.get_terminal_size().columns, note=note))
        elif self.format == "parquet":
            if sys.stdout.isatty():
                raise UsageError("parquet is not text for a terminal.", "-o FILE.parquet writes a file.")
            self._encode(grid, sys.stdout.buffer)
        else:
            _print(TEXT_FORMATS[self.format](grid))
        if n_all is not None and n_all > len(grid):
            note(f"{len(grid)} of {n_all} rows (--limit).")

    def _encode(self, grid: Grid, file: BinaryIO) -> None:
        if self.format == "parquet":
            import pyarrow.parquet

            pyarrow.parquet.write_table(grid.to_arrow(), file, compression="zstd")
        else:
            for piece in TEXT_FORMATS[self.format](grid):
                file.write(piece.encode())


def output_options(function: Callable[..., R]) -> Callable[..., R]:
    """-f and -o of a listing command; it gets one argument more, `output`, an `Output`."""

    @click.option(
        "-f",
        "--format",
        "format_name",
        type=NearestChoice(FORMATS),
        help="Default: what the suffix of -o says, else table on a terminal and csv elsewhere.",
    )
    @click.option(
        "-o",
        "--output",
        "output_path",
        metavar="FILE",
        help=f"Write a file; its suffix chooses the format: {' '.join(SUFFIXES)}.",
    )
    @functools.wraps(function)
    def with_output(*args: object, format_name: str | None, output_path: str | None, **kwargs: object) -> R:
        return function(*args, **kwargs, output=Output.choose(format_name, output_path))

    return with_output


def counted(n: int, noun: str) -> str:
    """A number and what it counts: "1 row", "2 rows"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def note(text: str) -> None:
    """One line for people, on stderr."""
    click.echo(text, err=True)


def write_text(text: str) -> None:
    """Text that is a command's answer but not a table of rows, such as the report of --dry-run, on stdout."""
    _print([text if text.endswith("\n") else text + "\n"])


def write_lines(lines: Iterable[str]) -> None:
    """Lines for people below a table, on stdout; what is not printable in them is escaped."""
    _print(printable(line) + "\n" for line in lines)


def clear_terminal() -> None:
    """Begin again at the top of an empty screen."""
    _print(["\x1b[H\x1b[2J"])


def print_section(title: str, rows: Rows, columns: Sequence[str] = ()) -> None:
    """A title and a table under it on stdout, for commands that tell a story rather than list rows."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    _print([f"{title}\n", *table_lines(Grid(rows, columns), width=width, note=note), "\n"])


def prepare_stdout() -> None:
    """UTF-8 into pipes and files whatever the locale; a terminal that cannot show a character gets a question mark.

    A stdout that was closed before the start (`>&-`) takes everything and keeps nothing.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the process ends
    if isinstance(sys.stdout, TextIOWrapper):
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="replace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")


def stdout_is_closed() -> bool:
    """Whether whoever read our stdout has gone, so that a BrokenPipeError is no fault of ours."""
    try:
        watched = sys.stdout.fileno()
    except UnsupportedOperation:  # stdout is not a file at all, as in tests
        return False
    poll = select.poll()
    poll.register(watched, select.POLLOUT)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def discard_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush at exit stays quiet."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def _print(pieces: Iterable[str]) -> None:
    try:
        for text in _in_blocks(pieces):
            sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever reads has seen enough: no error, and `main` knows
    except OSError as error:
        discard_stdout()
        raise SensdbError(f"stdout cannot be written: {error.strerror}.", "-o FILE writes a file instead.") from None


def _in_blocks(pieces: Iterable[str]) -> Iterator[str]:
    """The same text in fewer, larger pieces: where Python's own buffer is off, each write is a call to the system."""
    block: list[str] = []
    size = 0
    for piece in pieces:
        block.append(piece)
        size += len(piece)
        if size >= BLOCK_CHARACTERS:
            yield "".join(block)
            block, size = [], 0
    yield "".join(block)


def _write_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file under a name of its own beside the target, then put it in its place in one step.

    A reader sees the old file or the whole new one. What is not a regular file (a pipe, /dev/stdout) is written
    straight, never replaced; a link stays a link.

    Raises:
        SensdbError: the file cannot be written; names it and the system's reason.
    """
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with path.open("wb") as file:
                write(file)
            return
        target = Path(os.path.realpath(path))
        unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with unfinished.open("wb") as file:
                write(file)
            unfinished.replace(target)
        except BaseException:
            with suppress(FileNotFoundError):
                unfinished.unlink()
            raise
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SensdbError(f"{path} cannot be written: {error.strerror}.", "-o names another place.") from None
