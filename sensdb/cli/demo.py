"""`sensdb demo`: the whole line on real handwritten digits."""

from __future__ import annotations

from pathlib import Path

import click

from sensdb.cli.options import examples, pass_settings
from sensdb.cli.output import note, print_section
from sensdb.settings import Settings


@click.command(epilog=examples("sensdb demo", then="the commands that it prints last"))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="sensdb-demo")
@pass_settings
def demo(settings: Settings, folder: Path) -> None:
    """Run the whole line on real handwritten digits.

    Makes a SQLite database in FOLDER, queues the built-in sweep digits, runs a worker on all cores until it is done,
    prints what the data say and writes two figures. Running it again trains nothing twice.
    """
    from sensdb.operations.demo import run_demo

    code = run_demo(folder, settings.data_paths, settings.cache_path, show=print_section, note=note)
    raise click.exceptions.Exit(code)
