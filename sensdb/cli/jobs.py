"""`sensdb jobs` and what a person does to them: cancel, retry, pause, resume, prioritise."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from sensdb.cli.options import NearestChoice, confirm, examples, pass_settings, yes_option
from sensdb.cli.output import Output, counted, note, output_options, write_lines
from sensdb.errors import NothingMatched, UsageError
from sensdb.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

JOB_STATES = ("queued", "running", "done", "dead", "cancelled")
ENDED_BADLY = ("dead", "cancelled")


def sweep_option(function: Callable[P, R]) -> Callable[P, R]:
    """--sweep NAME, required."""
    return click.option("--sweep", metavar="NAME", required=True, help="The sweep's name.")(function)


def selection(function: Callable[P, R]) -> Callable[P, R]:
    """Which jobs a command acts on: [MODEL_ID]... or --sweep NAME."""
    function = click.option("--sweep", metavar="NAME", help="All models of this sweep.")(function)
    return click.argument("model_ids", metavar="[MODEL_ID]...", nargs=-1, type=click.IntRange(1))(function)


@click.command(epilog=examples("sensdb jobs --state dead -f json", then="sensdb retry --sweep digits --state dead"))
@click.option("--state", "states", type=NearestChoice(JOB_STATES), multiple=True, help="Only this state; repeatable.")
@click.option("--sweep", metavar="NAME", help="Only this sweep.")
@click.option("--limit", type=click.IntRange(1), help="At most so many, the oldest first.")
@output_options
@pass_settings
def jobs(settings: Settings, states: tuple[str, ...], sweep: str | None, limit: int | None, output: Output) -> None:
    """List jobs with the error of their last attempt.

    A table of dead jobs alone is followed by their errors in full, tracebacks included; the other formats
    hold them in columns.
    """
    from sensdb.operations.opening import open_reader
    from sensdb.operations.status import JOB_COLUMNS, errors_in_words, find_jobs

    with open_reader(settings.database_url) as queue:
        rows, n_all = find_jobs(queue, states, sweep, limit)
    in_full = set(states) == {"dead"} and output.is_table
    output.write(rows, [name for name in JOB_COLUMNS if not (in_full and name == "traceback")], n_all=n_all)
    if in_full and rows:
        write_lines(errors_in_words(rows))


@click.command(epilog=examples("sensdb cancel --sweep digits --yes", "sensdb cancel 17", then="sensdb status"))
@selection
@yes_option
@pass_settings
def cancel(settings: Settings, model_ids: tuple[int, ...], sweep: str | None, yes: bool) -> None:
    """Cancel queued and running jobs.

    Queued ones end at once, running ones with the next beat of their worker. Models that another live
    sweep shares are left to it. What is trained stays. Asks, where it is more than one job.
    """
    from sensdb.operations.opening import open_queue

    _one_of(model_ids, sweep)
    if sweep is not None or len(model_ids) > 1:
        confirm(f"Cancel {'sweep ' + sweep if sweep else counted(len(model_ids), 'job')}?", yes=yes)
    with open_queue(settings.database_url) as queue:
        done = queue.cancel(sweep=sweep, model_ids=model_ids or None)
    if done.n_shared:
        note(f"left {counted(done.n_shared, 'job')} to other sweeps that want them too.")
    stopped = f", asked {done.n_requested} running ones to stop" if done.n_requested else ""
    _tell(done.n_cancelled + done.n_requested, f"cancelled {counted(done.n_cancelled, 'job')}{stopped}.")


@click.command(
    epilog=examples("sensdb retry --sweep digits --state dead", "sensdb retry 18", then="sensdb worker --drain")
)
@selection
@click.option("--state", "states", type=NearestChoice(ENDED_BADLY), multiple=True, help="Only this state; repeatable.")
@click.option("--retrain", is_flag=True, help="Train done models once more instead; results stay until replaced.")
@yes_option
@pass_settings
def retry(
    settings: Settings, model_ids: tuple[int, ...], sweep: str | None, states: tuple[str, ...], retrain: bool, yes: bool
) -> None:
    """Queue dead and cancelled jobs again, with fresh budgets."""
    from sensdb.operations.opening import open_queue

    _one_of(model_ids, sweep)
    if retrain:
        confirm("Train done models once more?", yes=yes)
    with open_queue(settings.database_url) as queue:
        n = queue.retry(sweep=sweep, model_ids=model_ids or None, states=states or ENDED_BADLY, retrain=retrain)
    _tell(n, f"queued {counted(n, 'job')} again. Next: sensdb worker --drain")


@click.command(epilog=examples("sensdb pause --sweep digits", then="sensdb resume --sweep digits"))
@sweep_option
@pass_settings
def pause(settings: Settings, sweep: str) -> None:
    """Hand out no more jobs of a sweep; running ones go on."""
    from sensdb.operations.opening import open_queue

    with open_queue(settings.database_url) as queue:
        n = queue.pause(sweep)
    note(f"paused sweep {sweep}, held {counted(n, 'job')}. Next: sensdb resume --sweep {sweep}")


@click.command(epilog=examples("sensdb resume --sweep digits", then="sensdb worker --drain"))
@sweep_option
@pass_settings
def resume(settings: Settings, sweep: str) -> None:
    """Hand out the jobs of a paused sweep again."""
    from sensdb.operations.opening import open_queue

    with open_queue(settings.database_url) as queue:
        n = queue.resume(sweep)
    note(f"resumed sweep {sweep}, freed {counted(n, 'job')}. Next: sensdb worker --drain")


@click.command(epilog=examples("sensdb prioritise --sweep digits --priority 10", then="sensdb status"))
@sweep_option
@click.option("--priority", type=click.IntRange(-1_000_000, 1_000_000), required=True, help="Higher first; 0 is usual.")
@pass_settings
def prioritise(settings: Settings, sweep: str, priority: int) -> None:
    """Set the priority of a sweep.

    A job has the largest priority of its sweeps; among equals the older model goes first.
    """
    from sensdb.operations.opening import open_queue

    with open_queue(settings.database_url) as queue:
        n = queue.prioritise(sweep, priority)
    note(f"sweep {sweep} has priority {priority}; {counted(n, 'job')} moved.")


def _one_of(model_ids: tuple[int, ...], sweep: str | None) -> None:
    if bool(model_ids) == (sweep is not None):
        command = click.get_current_context().command_path
        raise UsageError(f"{command} needs either model ids or --sweep.", f"{command} --sweep NAME")


def _tell(n: int, text: str) -> None:
    if n == 0:
        raise NothingMatched("no job matched.", "sensdb jobs lists them with their state.")
    note(text)
