"""`sensdb export`: results as files for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from sensdb.cli.options import NearestChoice, examples, pass_settings
from sensdb.cli.output import counted, note
from sensdb.cli.progress import CopiedRows
from sensdb.settings import Settings

FORMATS = ("parquet", "duckdb", "csv")


@click.command(
    epilog=examples(
        "sensdb export study",
        "sensdb export digits-csv --format csv --sweep digits --where 'hidden_layers = 1'",
        then="""python -c "import pandas; print(pandas.read_parquet('study/point_metrics'))\"""",
    )
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "file_format",
    type=NearestChoice(FORMATS),
    default="parquet",
    show_default=True,
    help="parquet, duckdb or csv.",
)
@click.option("--sweep", "sweeps", metavar="NAME", multiple=True, help="Only models of this sweep; repeatable.")
@click.option("--dataset", "datasets", metavar="NAME", multiple=True, help="Only models of this data set; repeatable.")
@click.option("--where", "conditions", metavar="CONDITION", multiple=True, help="Only models that meet it; repeatable.")
@pass_settings
def export(
    settings: Settings,
    folder: Path,
    file_format: str,
    sweeps: tuple[str, ...],
    datasets: tuple[str, ...],
    conditions: tuple[str, ...],
) -> None:
    """Write results as Parquet, CSV or a DuckDB file.

    Parquet and CSV lie in folders dataset=.../sweep=..., with data_dictionary and a manifest of checksums. The folder
    is there whole or not at all. No row stands twice: v_sweep_models says which sweeps hold a model. Repeated, it
    writes only what changed the results.
    """
    from sensdb.analysis.population import Filters
    from sensdb.operations.export import export as write_export

    with CopiedRows("export") as rows:
        done = write_export(
            settings.database_url,
            settings.cache_path,
            folder,
            file_format=file_format,
            filters=Filters(sweep=sweeps, dataset=datasets, where=conditions),
            progress=rows.update,
        )
    held = f"{counted(done.n_models, 'model')} and {counted(done.n_points, 'point row')}"
    if done.written:
        note(f"wrote {held} to {folder}: {counted(done.n_files, 'file')}, {done.n_bytes / 1e6:.1f} MB.")
    else:
        note(f"{folder} is up to date: {held}.")
