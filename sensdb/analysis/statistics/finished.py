"""What a statistic that finishes a saved query takes and gives: named columns in, named columns and notes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Columns = Mapping[str, Any]
"""Columns of one length by name: a dict of arrays, or a pandas DataFrame. Missing reals are NaN, missing text None."""


@dataclass(frozen=True)
class Finished:
    """The rows a saved query answers with, as columns in order, and what the reader must know beside them.

    A number that does not exist is None in its column, and one of `notes` says why; notes also count what the
    statistic could not use.
    """

    columns: dict[str, list[Any]]
    notes: tuple[str, ...] = ()


def reals(columns: Columns, name: str) -> FloatArray:
    """A column as float64, missing values as NaN."""
    return np.asarray(columns[name], dtype=np.float64)


def texts(columns: Columns, name: str) -> list[str | None]:
    """A column as Python texts, missing values as None."""
    return [None if value is None or value != value else str(value) for value in columns[name]]


def codes(values: Sequence[Any]) -> IntArray:
    """A whole number for each distinct value, 0 for the first seen; missing values are a value like another."""
    seen: dict[Any, int] = {}
    return np.fromiter((seen.setdefault(value, len(seen)) for value in values), dtype=np.int64, count=len(values))


def groups(columns: Columns, names: Sequence[str]) -> list[tuple[tuple[str | None, ...], IntArray]]:
    """The distinct combinations of text columns in order of appearance, each with the positions of its rows."""
    keys = list(zip(*(texts(columns, name) for name in names), strict=True))
    code = codes(keys)
    distinct = list(dict.fromkeys(keys))
    order = np.argsort(code, kind="stable")
    bounds = np.searchsorted(code[order], np.arange(len(distinct) + 1))
    return [(key, order[bounds[i] : bounds[i + 1]]) for i, key in enumerate(distinct)]
