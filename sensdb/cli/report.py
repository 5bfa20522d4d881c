"""`sensdb report`: what was run and what came out, on one page."""

from __future__ import annotations

from pathlib import Path

import click

from sensdb.cli.asking import Asked, filter_options
from sensdb.cli.options import examples, pass_settings
from sensdb.cli.output import counted, note
from sensdb.cli.progress import CopiedRows
from sensdb.errors import SensdbError, UsageError
from sensdb.settings import Settings

SUFFIXES = (".html", ".htm")


@click.command(
    epilog=examples(
        "sensdb report -o report.html",
        "sensdb report --dataset digits -o digits.html",
        then="open the page in a browser",
    )
)
@click.option(
    "-o",
    "--output",
    "path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="Where to; .html.",
)
@filter_options
@pass_settings
def report(settings: Settings, path: Path, asked: Asked) -> None:
    """Write one page of what was run and what came out.

    It holds the figures, the tables, and the command that repeats each.

    The page stands alone: it can be mailed, and no network is asked. Its tables sort and filter. What a figure or
    table needs and the results do not have is named at its end.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"-o {path}: a report is a page; allowed: {', '.join(SUFFIXES)}.", "sensdb plot draws a single figure."
        )
    if not path.parent.is_dir():  # known before minutes of drawing
        raise SensdbError(f"{path} cannot be written: there is no folder {path.parent}.", "-o names another place.")

    from sensdb.analysis.report.contents import read_contents
    from sensdb.analysis.report.page import render, write_page

    with CopiedRows("sync") as rows:
        contents = read_contents(
            settings.database_url,
            settings.cache_path,
            asked.filters,
            artifacts_url=settings.artifacts_url,
            sync_first=asked.sync,
            progress=rows.update,
        )
    text = render(contents)
    write_page(text, path)
    n_tables = len(contents.run) + len(contents.tables) + (contents.verdict is not None)
    held = (
        f"{counted(len(contents.pictures), 'figure')}, {counted(n_tables, 'table')}, {len(text.encode()) / 1e6:.1f} MB"
    )
    note(f"wrote {path} ({held})")
    for title, reason in contents.missing:
        note(f"not in it: {title} {reason}")
