"""What `sensdb data` says: which data sets there are, where they lie, and whether they are what they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sensdb.datasets.catalogue import DATASET_NAMES, dataset_info
from sensdb.datasets.fetch import check
from sensdb.datasets.files import MISSING, OK, SOURCES, FileCheck, find_files

DATASET_COLUMNS = ("dataset", "n_train", "n_test", "height", "width", "channels", "n_classes", "lies_in", "description")
CHECK_COLUMNS = ("dataset", "file", "state", "expected", "found", "path")


def list_datasets(search: Sequence[Path]) -> list[dict[str, object]]:
    """The built-in data sets and the folder their first file lies in, unread; None where none was found.

    Args:
        search: folders in order (`Settings.data_paths`).
    """
    rows = []
    for name in DATASET_NAMES:
        info = asdict(dataset_info(name))
        rows.append({"dataset": info.pop("name"), "lies_in": _folder(name, search), **info})
    return rows


def check_datasets(names: Sequence[str], search: Sequence[Path]) -> tuple[list[dict[str, object]], bool]:
    """The state of every file of some data sets, and whether all is well.

    Args:
        names: data sets that must be there; none stands for all built-in ones, of which any may be missing.
        search: folders in order.

    Returns:
        Rows of CHECK_COLUMNS, and whether each data set can be used: a bad copy beside a good one does no harm.
    """
    rows: list[dict[str, object]] = []
    good = True
    for name in names or DATASET_NAMES:
        checks = check(name, search)
        usable = {each.file for each in checks if each.state == OK}
        good = good and all(each.file in usable or (each.state == MISSING and not names) for each in checks)
        rows += [_row(name, each) for each in checks]
    return rows, good


def _folder(name: str, search: Sequence[Path]) -> str | None:
    if name not in SOURCES:
        return "scikit-learn"
    found = [path for paths in find_files(name, search).values() for path in paths]
    return str(found[0].parent) if found else None


def _row(dataset: str, found: FileCheck) -> dict[str, object]:
    return {"dataset": dataset, **asdict(found), "path": None if found.path is None else str(found.path)}
