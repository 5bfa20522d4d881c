"""What a statistic that finishes a saved query takes and gives: named columns in, named columns and notes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
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


def coded(columns: Columns, name: str) -> tuple[IntArray, list[str | None]]:
    """A text column as the number of each distinct text in order of appearance, [n], and those texts."""
    values = texts(columns, name)
    distinct = list(dict.fromkeys(values))
    number = {value: place for place, value in enumerate(distinct)}
    return np.fromiter(map(number.__getitem__, values), dtype=np.int64, count=len(values)), distinct


def renumbered(code: IntArray) -> tuple[IntArray, IntArray]:
    """Numbers from 0 for the distinct values in order of appearance, [n], and where each was first seen."""
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[inverse.reshape(-1)], first[order]


def groups(columns: Columns, names: Sequence[str]) -> list[tuple[tuple[str | None, ...], IntArray]]:
    """The distinct combinations of text columns in order of appearance, each with the positions of its rows."""
    made = [coded(columns, name) for name in names]
    key = np.zeros(len(made[0][0]), dtype=np.int64)
    for code, distinct in made:
        key = renumbered(key * (len(distinct) + 1) + code)[0]
    code, first = renumbered(key)
    order = np.argsort(code, kind="stable")
    bounds = np.searchsorted(code[order], np.arange(len(first) + 1))
    names_of = [tuple(distinct[each[place]] for each, distinct in made) for place in first]
    return [(key_of, order[bounds[i] : bounds[i + 1]]) for i, key_of in enumerate(names_of)]


def joined(notes: Sequence[tuple[str, str, str]]) -> list[str]:
    """Notes (data set, metric, text) as lines, those that say the same of several metrics of a data set as one."""
    metrics: dict[tuple[str, str], list[str]] = {}
    for dataset, metric, text in notes:
        metrics.setdefault((dataset, text), []).append(metric)
    return [f"{', '.join((dataset, *names))}: {text}." for (dataset, text), names in metrics.items()]
