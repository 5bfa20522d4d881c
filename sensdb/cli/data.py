"""`sensdb data`: the data sets, where they lie, and their checksums."""

from __future__ import annotations

import click

from sensdb.cli.names import complete_datasets
from sensdb.cli.options import examples, pass_settings
from sensdb.cli.output import Output, note, output_options
from sensdb.cli.progress import Transfer
from sensdb.settings import Settings

DATASETS = click.argument("names", metavar="[DATASET]...", nargs=-1, shell_complete=complete_datasets)


@click.group(epilog=examples("sensdb data list", then="sensdb data fetch mnist"))
def data() -> None:
    """List, fetch and check data sets."""


@data.command("list", epilog=examples("sensdb data list -f json", then="sensdb data check"))
@output_options
@pass_settings
def list_(settings: Settings, output: Output) -> None:
    """List the built-in data sets and where they lie.

    Folders named in SENSDB_DATA are searched first. Your own arrays need no entry here: a sweep file names an .npz
    with x_train, y_train, x_test and y_test.
    """
    from sensdb.operations.data_files import DATASET_COLUMNS, list_datasets

    output.write(list_datasets(settings.data_paths), DATASET_COLUMNS)


@data.command(epilog=examples("sensdb data fetch digits", then="sensdb data check"))
@click.argument("names", metavar="DATASET...", nargs=-1, required=True, shell_complete=complete_datasets)
@pass_settings
def fetch(settings: Settings, names: tuple[str, ...]) -> None:
    """Fetch official files and verify them.

    Goes on where an earlier fetch stopped. They go to the last of the data folders; files that are
    there and good are left alone.
    """
    from sensdb.datasets.fetch import fetch as fetch_dataset

    folder = settings.data_paths[-1]
    for name in names:
        with Transfer() as transfer:
            paths = fetch_dataset(name, folder, transfer.update)
        note(f"{name}: {len(paths)} files in {paths[0].parent}" if paths else f"{name} comes with scikit-learn.")


@data.command(epilog=examples("sensdb data check digits", then="sensdb enqueue --list"))
@DATASETS
@output_options
@pass_settings
def check(settings: Settings, names: tuple[str, ...], output: Output) -> None:
    """Hold every copy of the files against published checksums.

    Exit code 1 where a file is not what it should be, or a data set that was named is missing.
    """
    from sensdb.operations.data_files import CHECK_COLUMNS, check_datasets

    rows, good = check_datasets(names, settings.data_paths)
    output.write(rows, CHECK_COLUMNS)
    if not good:
        raise click.exceptions.Exit(1)
