"""`sensdb copy`: sweeps from one database to another."""

from __future__ import annotations

import click

from sensdb.cli.options import examples, pass_settings
from sensdb.cli.output import counted, note
from sensdb.cli.progress import CopiedRows
from sensdb.settings import Settings


@click.command(
    epilog=examples(
        "sensdb copy --from sqlite:///sensdb.db --to sqlite:///lab.db",
        "sensdb copy --sweep digits --to sqlite:///digits.db",
        then="sensdb --database sqlite:///lab.db status",
    )
)
@click.option("--from", "source", metavar="URL", help="The database to read; the one of --database by default.")
@click.option("--to", "target", metavar="URL", required=True, help="The database to add to; made where it is missing.")
@click.option("--sweep", "sweeps", metavar="NAME", multiple=True, help="Only this sweep; repeatable. All by default.")
@pass_settings
def copy(settings: Settings, source: str | None, target: str, sweeps: tuple[str, ...]) -> None:
    """Copy sweeps with their results to another database.

    SQLite or PostgreSQL on either side. What is there already stays; killed in the middle or repeated, it goes on
    where it was. At the end every result is read in both databases and compared. Queued jobs are queued in both: cancel
    them on one side. Running ones are queued in the copy.
    """
    from sensdb.database.url import mask
    from sensdb.operations.copy import copy_sweeps

    with CopiedRows("copy") as rows:
        done = copy_sweeps(
            source or settings.database_url,
            target,
            sweeps,
            artifacts_url=settings.artifacts_url,
            progress=rows.update,
        )
    note(
        f"copied {counted(done.n_new, 'new model')} and {counted(done.n_results, 'result')} with"
        f" {counted(done.n_points, 'point row')} of {counted(done.n_sweeps, 'sweep')} to {mask(target)};"
        f" {counted(done.n_same, 'result')} there before."
    )
    note(f"compared {counted(done.n_compared, 'result')} row by row: equal in both.")
    if done.n_running:
        note(f"left {counted(done.n_running, 'result')} of models that run in {mask(target)}; copy again later.")
    if done.n_other:
        note(f"left {counted(done.n_other, 'model')} that have another result in {mask(target)}.")
    if done.n_changed:
        note(f"{counted(done.n_changed, 'result')} changed meanwhile; copy again.")
    if done.files_left:
        note(f"left {counted(len(done.files_left), 'file')} where they are: {done.files_left[0]}")
