"""What commands that ask the mirror share: which models, which parameters, and what is said of the answer."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sensdb.cli.names import complete_datasets
from sensdb.cli.options import parse_assignments
from sensdb.cli.output import counted, note

if TYPE_CHECKING:
    from sensdb.analysis.population import Filters

R = TypeVar("R")


@dataclass(frozen=True)
class Asked:
    """The values of the options of `asking_options` or `filter_options`, as the user gave them."""

    parameters: Mapping[str, str]
    sweeps: tuple[str, ...]
    datasets: tuple[str, ...]
    conditions: tuple[str, ...]
    sync: bool

    @property
    def filters(self) -> Filters:
        """Which models are asked about."""
        from sensdb.analysis.population import Filters

        return Filters(self.sweeps, self.datasets, self.conditions)


def asking_options(function: Callable[..., R]) -> Callable[..., R]:
    """-p and what `filter_options` gives; the command gets one argument more, `asked`, an `Asked`."""

    @click.option(
        "-p",
        "parameters",
        metavar="NAME=VALUE",
        multiple=True,
        callback=parse_assignments,
        help="A parameter of the saved question; repeatable.",
    )
    @filter_options
    @functools.wraps(function)
    def with_parameters(*args: object, parameters: dict[str, str], asked: Asked, **kwargs: object) -> R:
        return function(*args, **kwargs, asked=replace(asked, parameters=parameters))

    return with_parameters


def filter_options(function: Callable[..., R]) -> Callable[..., R]:
    """--sweep, --dataset, --where and --no-sync; the command gets one argument more, `asked`, an `Asked`."""

    @click.option("--sweep", "sweeps", metavar="NAME", multiple=True, help="Only models of this sweep; repeatable.")
    @click.option(
        "--dataset",
        "datasets",
        metavar="NAME",
        multiple=True,
        shell_complete=complete_datasets,
        help="Only models of this data set; repeatable.",
    )
    @click.option(
        "--where",
        "conditions",
        metavar="CONDITION",
        multiple=True,
        help="Only models that meet it, for example: width >= 100 and biases = false; repeatable.",
    )
    @click.option("--no-sync", is_flag=True, help="Ask the mirror as it is.")
    @functools.wraps(function)
    def with_asked(
        *args: object,
        sweeps: tuple[str, ...],
        datasets: tuple[str, ...],
        conditions: tuple[str, ...],
        no_sync: bool,
        **kwargs: object,
    ) -> R:
        return function(*args, **kwargs, asked=Asked({}, sweeps, datasets, conditions, sync=not no_sync))

    return with_asked


NONE_TRAINED = "none is trained yet; sensdb status shows the queue."
NONE_MEETS_FILTERS = "no trained model meets --sweep, --dataset and --where."


def used_and_left_out(meta: Mapping[str, Any]) -> str:
    """How many models an answer is made of, and how many it leaves out and why."""
    text = f"{counted(meta['n_models'], 'model')} used"
    if meta["left_out"]:
        text += "; left out: " + ", ".join(f"{n} {reason}" for reason, n in meta["left_out"].items())
    return text


def tell_origin(meta: Mapping[str, Any], *, in_full: bool = False) -> None:
    """Say on stderr what an answer leaves out and why; `in_full` everything it is made of, a line a key."""
    if in_full:
        for key, value in meta.items():
            note(f"{key}: {value if isinstance(value, str) else json.dumps(value, default=str)}")
        return
    if meta["left_out"]:
        note(f"{used_and_left_out(meta)}.")
    elif not meta["n_models"] and "min_train_accuracy" in meta["parameters"]:
        note(f"0 models used: {NONE_MEETS_FILTERS if meta['filters'] else NONE_TRAINED}")
    for text in meta["notes"]:
        note(text)
