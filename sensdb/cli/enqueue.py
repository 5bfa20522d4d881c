"""`sensdb enqueue`: from sweep files to jobs."""

from __future__ import annotations

import click

from sensdb.cli.names import complete_sweep_files
from sensdb.cli.options import examples, parse_assignments, pass_settings
from sensdb.cli.output import Output, note, output_options, write_text
from sensdb.errors import UsageError
from sensdb.settings import Settings


@click.command(
    epilog=examples(
        "sensdb enqueue digits --dry-run",
        "sensdb enqueue --list -f json",
        "sensdb enqueue digits --set max_steps=500 --priority 5",
        then="sensdb worker --drain",
    )
)
@click.argument("files", metavar="[FILE]...", nargs=-1, shell_complete=complete_sweep_files)
@click.option("--dry-run", is_flag=True, help="Only say what would be queued and what it would cost.")
@click.option("--priority", type=click.IntRange(-1_000_000, 1_000_000), help="Higher first; else the sweep's own.")
@click.option(
    "--set",
    "overrides",
    metavar="FIELD=VALUE",
    multiple=True,
    callback=parse_assignments,
    help="In place of a value under `fixed`, or of seeds; repeatable.",
)
@click.option("--list", "listing", is_flag=True, help="List the built-in sweeps instead.")
@output_options
@pass_settings
def enqueue(
    settings: Settings,
    files: tuple[str, ...],
    dry_run: bool,
    priority: int | None,
    overrides: dict[str, str],
    listing: bool,
    output: Output,
) -> None:
    """Queue every spec of a sweep that is not there yet.

    FILE is a sweep file (YAML), the name of a built-in sweep, or - for stdin. A spec is trained once, however often
    and in however many sweeps it is queued.
    """
    from sensdb.operations import enqueue as operation
    from sensdb.operations.enqueue_text import foretell, tell
    from sensdb.operations.opening import open_queue
    from sensdb.operations.pace import pace_here

    if listing:
        output.write(operation.list_builtin_sweeps(), operation.BUILTIN_COLUMNS)
        return
    if output.asked:
        raise UsageError("-f and -o: sensdb enqueue lists rows only with --list.", "leave them out, or add --list.")
    if not files:
        raise UsageError("sensdb enqueue needs a sweep file.", "sensdb enqueue --list shows those that are built in.")
    plans = [operation.plan_sweep(operation.read_sweep(name, overrides), settings.data_paths) for name in files]
    with open_queue(settings.database_url) as queue:
        for plan in plans:
            if dry_run:
                write_text(foretell(plan, plan.preview(queue), pace_here(queue)))
            else:
                note("\n".join(tell(plan.sweep.name, plan.enqueue(queue, priority))))
