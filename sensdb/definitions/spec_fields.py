"""The fields of a training spec one by one: what each allows, how its value is spelt, what it is when left out.

Rules that need two fields, or the data set's size, stand in spec.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sensdb.datasets.catalogue import DATASET_NAMES, NPZ_PREFIX
from sensdb.definitions.fields import FieldError, boolean, choice, integer, number, show
from sensdb.errors import did_you_mean

# One checked value; a list of widths or of augmentations is a tuple, so that values can be compared and cached.
Value = str | int | float | bool | tuple[int, ...] | tuple[str, ...] | None

NONLINEARITIES = ("relu", "relu6", "tanh", "hard_tanh", "hard_sigmoid")
AUGMENTATIONS = ("translate", "flip", "rotate")
LOSSES = ("cross_entropy", "squared")
OPTIMIZERS = ("sgd", "momentum", "adam", "rmsprop", "lbfgs")
DTYPES = ("float32", "float64")
FULL_BATCH = "full"
MOST_HIDDEN_LAYERS = 200
WIDEST = 65536
MOST_STEPS = 2**24
MOST_SEED = 2**53 - 1
# No data set of more points would fit a worker; the true bound is the data set's size.
MOST_TRAINING_POINTS = 2**31 - 1

_STOP_LOSS = re.compile(r"loss\s*<\s*((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)")
_NPZ = re.compile(NPZ_PREFIX + "[0-9a-f]{64}")


@dataclass(frozen=True)
class Field:
    """One field: `check` turns what was given into its one spelling or raises FieldError.

    `allowed` completes the sentence "missing; needs ...". `choices` are the words it may be, where it is a word.
    `real` says that numbers of this field are floats.
    """

    check: Callable[[object], Value]
    allowed: str
    default: Value = None
    required: bool = False
    choices: tuple[str, ...] = ()
    real: bool = False


def _dataset(value: object) -> str:
    if isinstance(value, str) and (value in DATASET_NAMES or _NPZ.fullmatch(value)):
        return value
    hint = did_you_mean(value, DATASET_NAMES) if isinstance(value, str) else None
    raise FieldError(
        "dataset", f"{show(value)} is not one of {', '.join(DATASET_NAMES)}, or an .npz by its sha256.", hint
    )


def _width(value: object) -> int | tuple[int, ...]:
    allowed = f"a whole number from 1 to {WIDEST}, nor a list of them"
    if isinstance(value, list | tuple):
        if len(value) > MOST_HIDDEN_LAYERS:
            raise FieldError("width", f"a list of {len(value)} is longer than the {MOST_HIDDEN_LAYERS} hidden layers.")
        return tuple(integer("width", entry, 1, WIDEST, allowed) for entry in value)
    return integer("width", value, 1, WIDEST, allowed)


def _augmentation(value: object) -> tuple[str, ...] | None:
    if value is None or value == "none":
        return None
    if not isinstance(value, list | tuple):
        hint = f"write [{value}]." if isinstance(value, str) and value in AUGMENTATIONS else None
        raise FieldError("augmentation", f"{show(value)} is not none or a list of {', '.join(AUGMENTATIONS)}.", hint)
    names = {choice("augmentation", entry, AUGMENTATIONS) for entry in value}
    return tuple(name for name in AUGMENTATIONS if name in names) or None


def _batch_size(value: object) -> int | str:
    if value == FULL_BATCH:
        return FULL_BATCH
    return integer("batch_size", value, 1, MOST_TRAINING_POINTS, "full or a whole number from 1 to the training points")


def _stop(value: object) -> str:
    if value in ("never", "fitted"):
        return str(value)
    match = _STOP_LOSS.fullmatch(value.strip()) if isinstance(value, str) else None
    threshold = float(match[1]) if match else 0.0
    if not 0 < threshold < math.inf:
        hint = did_you_mean(value, ("never", "fitted", "loss < 0.01")) if isinstance(value, str) and not match else None
        raise FieldError("stop", f"{show(value)} is not never, fitted, or loss < x with x above 0.", hint)
    return f"loss < {threshold!r}"


def _optional(check: Callable[[object], Value]) -> Callable[[object], Value]:
    return lambda value: None if value is None else check(value)


def _integer(field: str, low: int, high: int, allowed: str | None = None) -> Callable[[object], Value]:
    return lambda value: integer(field, value, low, high, allowed)


def _choice(field: str, choices: Sequence[str]) -> Callable[[object], Value]:
    return lambda value: choice(field, value, choices)


def _real(field: str, allowed: str, inside: Callable[[float], bool]) -> Callable[[object], Value]:
    def check(value: object) -> float:
        given = number(field, value, allowed)
        if not inside(given):
            raise FieldError(field, f"{show(value)} is not {allowed}.")
        return given

    return check


_POSITIVE = "a number above 0"
_SHARE = "a number from 0 to 1"
_MOMENTUM = "a number from 0 to below 1"
_N_TRAIN = "null or a whole number from 1 to the training points"
_CROP = "null or the side of the centre crop in pixels"
_DROP = "null or a whole number of epochs from 1"

FIELDS: dict[str, Field] = {
    "dataset": Field(_dataset, f"one of {', '.join(DATASET_NAMES)}, or an .npz", required=True),
    "n_train": Field(_optional(_integer("n_train", 1, MOST_TRAINING_POINTS, _N_TRAIN)), _N_TRAIN),
    "crop": Field(_optional(_integer("crop", 1, 2**16, _CROP)), _CROP),
    "hidden_layers": Field(
        _integer("hidden_layers", 0, MOST_HIDDEN_LAYERS),
        f"a whole number from 0 to {MOST_HIDDEN_LAYERS}",
        required=True,
    ),
    "width": Field(_optional(_width), f"a whole number from 1 to {WIDEST}, or a list of one for each hidden layer"),
    "nonlinearity": Field(
        _choice("nonlinearity", NONLINEARITIES), ", ".join(NONLINEARITIES), "relu", choices=NONLINEARITIES
    ),
    "biases": Field(lambda value: boolean("biases", value), "true or false", False),
    "weight_scale": Field(_real("weight_scale", _POSITIVE, lambda x: x > 0), _POSITIVE, 1.0, real=True),
    "label_noise": Field(_real("label_noise", _SHARE, lambda x: 0 <= x <= 1), _SHARE, 0.0, real=True),
    "augmentation": Field(
        _augmentation, f"none or a list of {', '.join(AUGMENTATIONS)}", choices=("none", *AUGMENTATIONS)
    ),
    "loss": Field(_choice("loss", LOSSES), ", ".join(LOSSES), "cross_entropy", choices=LOSSES),
    "optimizer": Field(_choice("optimizer", OPTIMIZERS), ", ".join(OPTIMIZERS), "momentum", choices=OPTIMIZERS),
    # null is what a spec without momentum says of itself; finish_spec fills in 0.9 where there is one.
    "momentum": Field(_optional(_real("momentum", _MOMENTUM, lambda x: 0 <= x < 1)), _MOMENTUM, 0.9, real=True),
    "learning_rate": Field(_optional(_real("learning_rate", _POSITIVE, lambda x: x > 0)), _POSITIVE, real=True),
    "learning_rate_drop_epochs": Field(_optional(_integer("learning_rate_drop_epochs", 1, MOST_STEPS, _DROP)), _DROP),
    "batch_size": Field(_batch_size, "full or a whole number from 1 to the training points", required=True),
    "max_steps": Field(_integer("max_steps", 1, MOST_STEPS), f"a whole number from 1 to {MOST_STEPS}", 2**18),
    "stop": Field(_stop, "never, fitted, or loss < x", "never"),
    "dtype": Field(_choice("dtype", DTYPES), ", ".join(DTYPES), "float32", choices=DTYPES),
    "seed": Field(_integer("seed", 0, MOST_SEED), f"a whole number from 0 to {MOST_SEED}", 0),
}

DEFAULTS: dict[str, Value] = {name: field.default for name, field in FIELDS.items()}


def check_field(name: str, value: object) -> Value:
    """The one spelling of a field's value.

    Raises:
        FieldError: the value is not allowed, whatever the other fields say.
        SpecError: there is no such field, with the nearest that exists.
    """
    # A collection is not remembered: [1] and [true] are equal, and one of them is refused.
    return _remembered(name, value) if isinstance(value, str | int | float | None) else _check(name, value)


def _check(name: str, value: object) -> Value:
    field = FIELDS.get(name)
    if field is None:
        raise FieldError(show(name), "no such spec field.", did_you_mean(str(name), FIELDS))
    return field.check(value)


# The specs of a sweep differ in few fields, and checking took a third of the time of a claim of 64.
_remembered = lru_cache(maxsize=4096, typed=True)(_check)
