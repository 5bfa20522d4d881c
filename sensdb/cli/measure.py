"""`sensdb measure` and `sensdb import`: measuring what is trained already, here or elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from sensdb.cli.jobs import selection
from sensdb.cli.names import complete_datasets
from sensdb.cli.options import NearestChoice, examples, pass_settings
from sensdb.cli.output import counted, note
from sensdb.errors import NothingMatched, UsageError
from sensdb.settings import Settings

NONLINEARITIES = ("relu", "relu6", "tanh", "hard_tanh", "hard_sigmoid")


@click.command(
    epilog=examples(
        "sensdb measure --sweep digits",
        "sensdb measure --sweep digits --what trajectories=3 --what transitions.points=5000",
        then="sensdb worker --drain",
    )
)
@selection
@click.option(
    "--what",
    "additions",
    metavar="KEY[=VALUE]",
    multiple=True,
    help="Measure this too: a key of a sweep's measure block, such as regions or points=all; repeatable.",
)
@pass_settings
def measure(settings: Settings, model_ids: tuple[int, ...], sweep: str | None, additions: tuple[str, ...]) -> None:
    """Measure models again whose weights are kept.

    Nothing is trained. A result is replaced whole once it is measured; what training said stays. Weights are kept
    under `measure: {keep_weights: true}` in a sweep, or by `sensdb worker --keep-weights`.
    """
    from sensdb.definitions.measure import read_additions
    from sensdb.operations.opening import open_queue

    if bool(model_ids) == (sweep is not None):
        raise UsageError("sensdb measure needs either model ids or --sweep.", "sensdb measure --sweep NAME")
    wanted = read_additions(additions, "--what")
    with open_queue(settings.database_url) as queue:
        done = queue.measure(sweep=sweep, model_ids=model_ids or None, settings=wanted)
    without = f"{counted(done.n_without_weights, 'trained model')} without stored weights"
    if done.n_queued == 0:
        hint = "sensdb worker --keep-weights keeps them; sensdb retry --retrain trains models once more."
        raise NothingMatched(f"nothing to measure: {without}.", hint if done.n_without_weights else None)
    left = f", left {without}" if done.n_without_weights else ""
    note(f"queued {counted(done.n_queued, 'job')} of measuring{left}. Next: sensdb worker --drain")


@click.command(
    "import",
    epilog=examples(
        "sensdb import network.safetensors --dataset digits --nonlinearity relu",
        then="sensdb worker --drain",
    ),
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--dataset", required=True, shell_complete=complete_datasets, help="What it was trained on; a path for an .npz."
)
@click.option("--nonlinearity", type=NearestChoice(NONLINEARITIES), required=True, help="Between its layers.")
@click.option("--name", "sweep", default="imported", show_default=True, help="The sweep it is to belong to.")
@click.option("--now", is_flag=True, help="Measure it at once, instead of leaving it to a worker.")
@pass_settings
def import_(settings: Settings, file: Path, dataset: str, nonlinearity: str, sweep: str, now: bool) -> None:
    """Take in a network that was trained elsewhere, to be measured.

    FILE is a safetensors file of the tensors weights.0, biases.0 (or no biases at all), weights.1, ..., each weight
    [fan_out, fan_in] and the logits last. It is measured at points as sensdb standardises them, each to mean 0 and
    variance 1, so it should be trained on such. The same file is taken in once.
    """
    from sensdb.operations.import_network import import_network, measure_imported, tell
    from sensdb.operations.opening import open_queue

    with open_queue(settings.database_url) as queue:
        imported = import_network(queue, settings, file, dataset=dataset, nonlinearity=nonlinearity, sweep=sweep)
        if now:
            imported = measure_imported(queue, settings, imported)
    note(tell(file, sweep, imported, now=now))
