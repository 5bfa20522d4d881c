"""Names the shell completes, found without opening any database."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click


def complete_datasets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Built-in data sets."""
    from sensdb.datasets.catalogue import DATASET_NAMES

    return _starting(incomplete, DATASET_NAMES)


def complete_queries(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Saved queries that come with sensdb."""
    from sensdb.database.bundled import bundled

    return _starting(incomplete, (path.stem for path in bundled("queries").glob("*.sql")))


def complete_sweep_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Built-in sweeps, and sweep files in the working folder."""
    from sensdb.definitions.sweep import builtin_sweeps

    return _starting(incomplete, [*builtin_sweeps(), *(str(path) for path in Path().glob("*.y*ml"))])


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
