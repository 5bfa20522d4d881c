"""`sensdb status`: how far the sweeps are, who works on them, what failed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from sensdb.cli.options import examples, pass_settings
from sensdb.cli.output import Output, clear_terminal, note, output_options
from sensdb.errors import UsageError
from sensdb.settings import Settings

if TYPE_CHECKING:
    from sensdb.jobs.reader import QueueReader

SECONDS_BETWEEN_LOOKS = 2


@click.command(epilog=examples("sensdb status", "sensdb status --workers -f json", then="sensdb query correlation"))
@click.option("--workers", "part", flag_value="workers", help="List the workers instead of the sweeps.")
@click.option("--failures", "part", flag_value="failures", help="Count dead jobs by reason instead.")
@click.option("--watch", is_flag=True, help="Show it anew every 2 seconds until Ctrl-C.")
@output_options
@pass_settings
def status(settings: Settings, part: str | None, watch: bool, output: Output) -> None:
    """Show each sweep's jobs by state and the time left.

    Workers and failures are told in words on stderr; --workers and --failures list them instead.
    share_done is a share from 0 to 1; time_left_seconds is at the present rate of all workers.
    """
    from sensdb.operations.opening import open_reader

    if watch and not output.on_terminal:
        raise UsageError("--watch needs a terminal and the format table.", "watch -n 2 sensdb status -f csv")
    with open_reader(settings.database_url) as queue:
        _show(queue, part, output)
        while watch:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            clear_terminal()
            _show(queue, part, output)


def _show(queue: QueueReader, part: str | None, output: Output) -> None:
    from sensdb.operations.status import read_status, summary, table_of

    now = read_status(queue)
    output.write(*table_of(now, part))
    if part is None:
        note("\n".join(summary(now)))
