"""Looking after the database: `sensdb init`, `sync`, `delete`, `doctor`."""

from __future__ import annotations

from dataclasses import asdict

import click

from sensdb.cli.options import confirm, examples, pass_settings, yes_option
from sensdb.cli.output import Output, counted, note, output_options
from sensdb.cli.progress import CopiedRows
from sensdb.errors import NothingMatched, UsageError
from sensdb.settings import Settings


@click.command(epilog=examples("sensdb init", then="sensdb enqueue --list"))
@pass_settings
def init(settings: Settings) -> None:
    """Create the schema, or bring an older one up to date.

    Harmless when repeated, and by many processes at once. Stop the workers before an upgrade.
    """
    from sensdb.database.migrate import initialise
    from sensdb.database.url import mask

    done = initialise(settings.database_url)
    place = mask(settings.database_url)
    if done.action == "created":
        note(f"created {done.n_tables} tables and {done.n_views} views in {place} (revision {done.revision}).")
    elif done.action == "upgraded":
        note(f"upgraded {place} from revision {done.before} to {done.revision}.")
    else:
        note(f"{place} is up to date (revision {done.revision}).")


@click.command(epilog=examples("sensdb sync", then="sensdb query"))
@click.option("--rebuild", is_flag=True, help="Copy everything anew.")
@pass_settings
def sync(settings: Settings, rebuild: bool) -> None:
    """Bring the mirror up to the database.

    `sensdb query` and `sensdb plot` do so by themselves. The mirror is a copy in
    Parquet files that questions are asked of, so that no question slows the workers.
    """
    from sensdb.mirror.sync import sync as sync_mirror

    with CopiedRows("sync") as rows:
        manifest = sync_mirror(settings.database_url, settings.cache_path, rebuild=rebuild, progress=rows.update)
    n_models = sum(len(segment.results) for segment in manifest.segments)
    n_rows = sum(segment.n_rows for segment in manifest.segments)
    note(f"mirror as of {manifest.synced_at}: {n_rows} point rows of {n_models} models.")


@click.command(
    epilog=examples(
        "sensdb delete --sweep digits --yes",
        "sensdb delete --where 'hidden_layers = 2 and label_noise = 0' --yes",
        then="sensdb sync",
    )
)
@click.option("--sweep", "sweeps", metavar="NAME", multiple=True, help="The sweep; repeatable.")
@click.option("--where", "conditions", metavar="CONDITION", multiple=True, help="Models that meet it; repeatable.")
@yes_option
@pass_settings
def delete(settings: Settings, sweeps: tuple[str, ...], conditions: tuple[str, ...], yes: bool) -> None:
    """Delete sweeps, or models by a condition.

    With --sweep alone the sweeps go, and the models that no other sweep holds. With --where the models that meet all
    conditions go, of these sweeps alone where both are given, and sweeps stay. Results go with their models. Asks
    first. Refused while models of theirs are running: cancel them first.
    """
    from sensdb.operations.delete import delete_models, delete_sweeps
    from sensdb.operations.opening import open_queue
    from sensdb.results.artifacts import ArtifactStore

    if not sweeps and not conditions:
        raise UsageError("sensdb delete needs --sweep or --where.", "sensdb delete --sweep NAME")
    with open_queue(settings.database_url) as queue:
        files = ArtifactStore(settings.artifacts_url, queue.identity)
        if conditions:
            from sensdb.operations.choose_models import models_where

            chosen = models_where(queue, conditions, sweeps)
            n_kept = chosen.n_kept
            if not chosen.model_ids:
                others = f"; {counted(n_kept, 'model')} that other sweeps hold" if n_kept else ""
                raise NothingMatched(f"no model meets the condition{others}.", "sensdb query --where tries one.")
            confirm(f"Delete {counted(len(chosen.model_ids), 'model')} with all their results?", yes=yes)
            done = delete_models(queue, chosen.model_ids, artifacts=files)
        else:
            queue.sweep_ids(sweeps)
            confirm(f"Delete {', '.join(sweeps)}, with all results of models that no other sweep holds?", yes=yes)
            done = delete_sweeps(queue, sweeps, artifacts=files)
            n_kept = done.n_kept
    kept = f"; {counted(n_kept, 'model')} left to other sweeps" if n_kept else ""
    note(f"deleted {counted(done.n_models, 'model')} with {counted(done.n_points, 'point row')}{kept}.")
    if done.files_left:
        note(f"left {counted(len(done.files_left), 'file')} of theirs: {done.files_left[0]}")


@click.command(epilog=examples("sensdb doctor", "sensdb doctor -f json", then="sensdb status"))
@output_options
@pass_settings
def doctor(settings: Settings, output: Output) -> None:
    """Check settings, database, folders and devices.

    Versions and the origin of each setting are shown too. Each line is ok, warn or fail; exit code 1 where one fails.
    """
    from sensdb.operations.doctor import CHECK_COLUMNS, examine

    checks = examine(settings)
    output.write([asdict(check) for check in checks], CHECK_COLUMNS)
    if any(check.state == "fail" for check in checks):
        raise click.exceptions.Exit(1)
