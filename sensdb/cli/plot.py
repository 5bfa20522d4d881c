"""`sensdb plot`: a figure from stored results."""

from __future__ import annotations

from pathlib import Path

import click

from sensdb.analysis.figures.catalogue import FIGURES
from sensdb.cli.asking import Asked, asking_options, used_and_left_out
from sensdb.cli.options import NearestChoice, examples, pass_settings
from sensdb.cli.output import Output, note
from sensdb.cli.progress import CopiedRows
from sensdb.settings import Settings

HELP = "\n\n".join(
    [
        "Draw a figure from stored results.",
        "\b\n" + "\n".join(f"{name:<14}{drawing.question}" for name, drawing in FIGURES.items()),
        "Each draws the rows of a saved question, whose parameters -p takes. The caption says how many models it is "
        "made of and what was left out.",
    ]
)


@click.command(
    help=HELP,
    epilog=examples(
        "sensdb plot gap -o gap.pdf",
        "sensdb plot points --sweep digits -o points.png --data",
        then="sensdb query correlation",
    ),
)
@click.argument("name", type=NearestChoice(FIGURES))
@click.option(
    "-o",
    "--output",
    "path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to; .png, .svg or .pdf.  [default: NAME.png]",
)
@click.option("--data", "with_data", is_flag=True, help="Also write the rows drawn, as CSV beside the figure.")
@asking_options
@pass_settings
def plot(settings: Settings, name: str, path: Path | None, with_data: bool, asked: Asked) -> None:
    from sensdb.analysis.figures.files import save_figure
    from sensdb.analysis.plot import plot as draw

    place = (settings.database_url, settings.cache_path)
    with CopiedRows("sync") as rows:
        drawn = draw(
            *place,
            name,
            asked.parameters,
            asked.filters,
            artifacts_url=settings.artifacts_url,
            sync=asked.sync,
            progress=rows.update,
        )
    target = save_figure(drawn.figure, path or Path(f"{name}.png"))
    note(f"wrote {target} ({used_and_left_out(drawn.answer.meta)})")
    if with_data:
        Output("csv", target.with_suffix(".csv")).write(drawn.answer.table)
