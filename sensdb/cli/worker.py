"""`sensdb worker`: train what is queued."""

from __future__ import annotations

import re

import click

from sensdb.cli.options import NearestChoice, examples, pass_settings
from sensdb.settings import Settings

DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)


class Duration(click.ParamType[float]):
    """A length of time as Slurm users write it: 3h50m, 90m, 45s, 0.5s, 1d; in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        match = DURATION.fullmatch(text)
        if not text or match is None:
            self.fail(f"{text!r} is not a length of time such as 3h50m, 90m or 45s.", param, ctx)
        days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
        total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        if total == 0:
            self.fail(f"{text!r} is no time at all.", param, ctx)
        return total


@click.command(epilog=examples("sensdb worker --drain", then="sensdb query correlation"))
@click.option(
    "--device", default="auto", show_default=True, help="auto (GPUs, else all cores), cpu, cuda:N or all (GPUs)."
)
@click.option("--processes", type=click.IntRange(1), help="Processes on the CPU.  [default: one a core]")
@click.option("--drain", is_flag=True, help="Leave when nothing is queued and nothing that runs may come back.")
@click.option("--until", type=Duration(), help="Stop after this long, e.g. 3h50m; what is unfinished is released.")
@click.option("--sweep", help="Only models of this sweep.")
@click.option("--max-models", type=click.IntRange(1), help="Leave after this many models.")
@click.option("--pack-size", type=click.IntRange(1, 4096), help="Upper bound on models trained at once by a process.")
@click.option("--keep-weights", is_flag=True, help="Store the weights of every model trained, in SENSDB_ARTIFACTS.")
@click.option(
    "--checkpoint-every",
    type=Duration(),
    default="60s",
    show_default=True,
    help="How often a model on its way is kept in SENSDB_CACHE, to go on from there after a stop or a crash.",
)
@click.option(
    "--resident",
    is_flag=True,
    help="Train small nets by one GPU program each. New, and not measured on a GPU yet: results say engine "
    "version 2+resident.",
)
@click.option(
    "--fused",
    is_flag=True,
    help="Multiply out each layer's gradient and move its weights in one pass of a GPU's memory, for minibatches in "
    "float32; worth most with Adam and RMSProp. New, and not measured on a GPU yet: results say engine version "
    "2+fused.",
)
@click.option(
    "--log-format", type=NearestChoice(["text", "json"]), default="text", show_default=True, help="Of lines on stderr."
)
@pass_settings
def worker(
    settings: Settings,
    device: str,
    processes: int | None,
    drain: bool,
    until: float | None,
    sweep: str | None,
    max_models: int | None,
    pack_size: int | None,
    keep_weights: bool,
    checkpoint_every: float,
    resident: bool,
    fused: bool,
    log_format: str,
) -> None:
    """Train, measure and store queued models until stopped.

    One process a core on the CPU, one a GPU. SIGTERM and Ctrl-C release what is not finished, at no cost to its
    budgets, and keep it on disk so that another worker on this host goes on with it; a second one does so at once.
    """
    from sensdb.worker.options import WorkerOptions
    from sensdb.worker.processes import devices, require_kernels, run_processes
    from sensdb.worker.progress import choose_display

    options = WorkerOptions(
        settings.database_url, settings.data_paths, settings.artifacts_url, settings.cache_path,
        drain=drain, until_seconds=until, sweep=sweep, max_models=max_models, pack_size=pack_size,
        keep_weights=keep_weights, checkpoint_seconds=checkpoint_every, resident=resident, fused=fused,
    )  # fmt: skip
    places = devices(device, processes)
    for kind, wanted in (("resident", resident), ("fused", fused)):
        if wanted:
            require_kernels(kind, places)
    code, _tally = run_processes(options, places, choose_display(log_format))
    raise click.exceptions.Exit(code)
