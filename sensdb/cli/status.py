"""`sensdb status`: how far the sweeps are, who works on them, what failed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from sensdb.cli.options import examples, pass_settings
from sensdb.cli.output import Output, clear_terminal, note, output_options, print_section
from sensdb.errors import UsageError
from sensdb.settings import Settings

if TYPE_CHECKING:
    from sensdb.jobs.reader import QueueReader

SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_BETWEEN_BLOCKS = 60.0
"""Off a terminal: a log should not be flooded."""

# What fits the width of a terminal; sensdb status --workers lists the rest.
WATCHED = {
    "workers": (
        *("worker_id", "condition", "device", "n_running", "models_done"),
        *("models_per_minute", "model_steps_per_second", "silent_seconds"),
    )
}


@click.command(epilog=examples("sensdb status", "sensdb status --workers -f json", then="sensdb query correlation"))
@click.option("--workers", "part", flag_value="workers", help="List the workers instead of the sweeps.")
@click.option("--failures", "part", flag_value="failures", help="Count dead jobs by reason instead.")
@click.option("--watch", is_flag=True, help="Show sweeps, workers and failures anew every few seconds until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    help="Seconds between two looks of --watch.  [default: 2 on a terminal, else 60]",
)
@output_options
@pass_settings
def status(settings: Settings, part: str | None, watch: bool, interval: float | None, output: Output) -> None:
    """Show each sweep's jobs by state and the time left.

    Workers and failures are told in words on stderr; --workers and --failures list them instead, --watch beside.
    share_done is a share from 0 to 1; time_left_seconds is at the present rate of all workers.
    """
    from sensdb.operations.opening import open_reader

    if interval is not None and not watch:
        raise UsageError("--interval is of --watch.", "sensdb status --watch --interval 10")
    if watch and output.asked:
        raise UsageError("--watch shows tables; -f and -o have no place in it.", "watch -n 2 sensdb status -f csv")
    with open_reader(settings.database_url) as queue:
        if not watch:
            _show(queue, part, output)
            return
        seconds = interval or (SECONDS_BETWEEN_LOOKS if output.on_terminal else SECONDS_BETWEEN_BLOCKS)
        while True:
            _show_block(queue, part, redraw=output.on_terminal)
            time.sleep(seconds)


def _show(queue: QueueReader, part: str | None, output: Output) -> None:
    from sensdb.operations.status import read_status, summary, table_of

    now = read_status(queue)
    output.write(*table_of(now, part))
    if part is None:
        note("\n".join(summary(now)))


def _show_block(queue: QueueReader, part: str | None, *, redraw: bool) -> None:
    """One look of --watch: on a terminal in the place of the last, elsewhere below it."""
    from sensdb.operations.status import read_status, table_of

    now = read_status(queue)
    if redraw:
        clear_terminal()
    for name in (part,) if part else (None, "workers", "failures"):
        rows, columns = table_of(now, name)
        if rows or name == part:
            title = f"{name or 'sweeps'}, {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            print_section(title, rows, WATCHED.get(name or "sweeps", columns))
