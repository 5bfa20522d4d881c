"""`sensdb plot`: a figure from stored results, and the numbers it draws."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from sensdb.analysis.figures.catalogue import FIGURES, SUFFIXES
from sensdb.cli import formats
from sensdb.cli.asking import Asked, asking_options, used_and_left_out
from sensdb.cli.options import NearestChoice, examples, pass_settings
from sensdb.cli.output import Output, note
from sensdb.cli.progress import CopiedRows
from sensdb.errors import UsageError
from sensdb.settings import Settings

BESIDE = "*"  # --data without a file; no path would be called so
HELP = "\n\n".join(
    [
        "Draw a figure from stored results.",
        "\b\n" + "\n".join(f"{name:<14}{drawing.described}" for name, drawing in FIGURES.items()),
        "Numbered figures are the paper's. Each draws the rows of a saved question (of the same name, or the one that "
        "its line asks), whose parameters -p takes. The caption says how many models it is made of and what was left "
        "out. X, Y and --color of scatter are columns of v_models; a test-point metric stands for its mean, and a "
        "number that spans decades gets a logarithmic axis.",
    ]
)


@click.command(
    help=HELP,
    epilog=examples(
        "sensdb plot gap -o gap.pdf",
        "sensdb plot points --sweep digits -o points.png --data points.json",
        "sensdb plot scatter transitions generalization_gap --color hidden_layers -o scatter.svg",
        then="sensdb report -o report.html",
    ),
)
@click.argument("name", type=NearestChoice(FIGURES))
@click.argument("columns", metavar="[X Y]", nargs=-1)
@click.option("--color", metavar="C", help="Of scatter: the column that colours its points.")
@click.option(
    "-o",
    "--output",
    "path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to; .png, .svg or .pdf.  [default: NAME.png]",
)
@click.option(
    "--data",
    "data",
    metavar="[FILE]",
    is_flag=False,
    flag_value=BESIDE,
    help="Also write the numbers drawn; the suffix chooses the format as in query.  [default: CSV beside the figure]",
)
@asking_options
@pass_settings
def plot(
    settings: Settings,
    name: str,
    columns: tuple[str, ...],
    color: str | None,
    path: Path | None,
    data: str | None,
    asked: Asked,
) -> None:
    target = path or Path(f"{name}.png")
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"-o {target}: no figure has this suffix.", f"allowed: {', '.join(SUFFIXES)}.")
    numbers = None if data is None else _numbers(data, target)
    parameters = {**asked.parameters, **_columns(name, columns, color)}

    from sensdb.analysis.figures.files import save_figure
    from sensdb.analysis.plot import plot as draw

    place = (settings.database_url, settings.cache_path)
    with CopiedRows("sync") as rows:
        drawn = draw(
            *place,
            name,
            parameters,
            asked.filters,
            artifacts_url=settings.artifacts_url,
            sync=asked.sync,
            progress=rows.update,
        )
    save_figure(drawn.figure, target)
    note(f"wrote {target} ({used_and_left_out(drawn.answer.meta)})")
    if numbers is not None:
        numbers.write(drawn.data)


def _numbers(data: str, target: Path) -> Output:
    """Where the numbers go, checked before anything is drawn."""
    if data == BESIDE:
        return Output("csv", target.with_suffix(".csv"))
    try:
        return Output.choose(None, data)
    except UsageError:
        raise UsageError(
            f"--data {data}: no format has this suffix.", f"allowed: {', '.join(formats.SUFFIXES)}."
        ) from None


def _columns(name: str, columns: tuple[str, ...], color: str | None) -> Mapping[str, str]:
    """X, Y and --color as parameters of scatter.

    Raises:
        UsageError: the figure takes none, or scatter is given others than two.
    """
    if not FIGURES[name].of_columns:
        if columns or color is not None:
            given = f"'{columns[0]}'" if columns else f"--color {color}"
            raise UsageError(f"plot {name} takes no columns, {given} is one.", "sensdb plot scatter X Y takes any two.")
        return {}
    if len(columns) != 2:
        raise UsageError(
            f"plot {name} takes two columns, X and Y; {len(columns)} are given.",
            f"sensdb plot {name} jacobian_norm generalization_gap",
        )
    return {"x": columns[0], "y": columns[1], **({} if color is None else {"color": color})}
