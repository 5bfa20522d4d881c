"""A training spec: everything that determines a trained network, in one canonical form with one hash.

Equal networks have equal specs: what has no influence is null (momentum of an optimizer without it, a width without
hidden layers), and what can be said in two ways is said in one (all training points are null, a batch of all of them
is `full`). The canonical form and its hash are promises: changing either for an existing spec makes its stored result
unreachable.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, Literal

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.fields import FieldError, canonical_json, show
from sensdb.definitions.spec_fields import DEFAULTS, FIELDS, FULL_BATCH, Value, check_field
from sensdb.errors import SpecError

SPEC_VERSION = 1
Sizes = Callable[[str], DatasetInfo]


class Spec:
    """What every spec says of its network: one to be trained here (TrainingSpec), or trained elsewhere (ImportedSpec).

    width: one number for all hidden layers, a tuple where they differ, None without hidden layers.
    crop: side of the centre crop that is its input; None for whole images.
    dtype: number format of its weights and of all arithmetic with them.
    """

    dataset: str
    crop: int | None
    hidden_layers: int
    width: int | tuple[int, ...] | None
    nonlinearity: str
    biases: bool
    dtype: str

    @cached_property
    def canonical(self) -> str:
        """The spec as JSON in its one spelling."""
        raise NotImplementedError

    @cached_property
    def spec_sha256(self) -> str:
        """SHA-256 of `canonical`: the network's identity."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    @cached_property
    def configuration_sha256(self) -> str:
        """What replicas share, networks that differ by chance alone; here the identity itself."""
        return self.spec_sha256

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of each hidden layer, first to last."""
        if self.width is None:
            return ()
        return self.width if isinstance(self.width, tuple) else (self.width,) * self.hidden_layers


@dataclass(frozen=True)
class TrainingSpec(Spec):
    """One network to train, seed included; always valid and normalised, so build it with `make_spec`.

    n_train, crop, learning_rate_drop_epochs: None for all points, no crop, no drops.
    augmentation: None, or names in the order of AUGMENTATIONS.
    momentum, learning_rate: None for optimizers that have none.
    batch_size: "full", or points a batch, below the number of training points.
    stop: "never", "fitted" or "loss < x".
    """

    dataset: str
    n_train: int | None
    crop: int | None
    hidden_layers: int
    width: int | tuple[int, ...] | None
    nonlinearity: str
    biases: bool
    weight_scale: float
    label_noise: float
    augmentation: tuple[str, ...] | None
    loss: str
    optimizer: str
    momentum: float | None
    learning_rate: float | None
    learning_rate_drop_epochs: int | None
    batch_size: int | Literal["full"]
    max_steps: int
    stop: str
    dtype: str
    seed: int

    @cached_property
    def canonical(self) -> str:
        """The spec as JSON: keys sorted, every field present, floats in their shortest form, `spec_version` 1."""
        return _joined(self._fragments)

    @cached_property
    def configuration_sha256(self) -> str:
        """SHA-256 of the canonical form without the seed: replicas share it."""
        without_seed = _joined([*self._fragments[:_SEED], *self._fragments[_SEED + 1 :]])
        return hashlib.sha256(without_seed.encode()).hexdigest()

    @property
    def full_batch(self) -> bool:
        """Whether every step sees all training points."""
        return self.batch_size == FULL_BATCH

    def batch_rows(self, n_points: int) -> int:
        """Points a step of a model that trains on n_points of them."""
        return n_points if self.batch_size == "full" else self.batch_size

    @cached_property
    def _fragments(self) -> list[str]:
        values = self.__dict__
        return [_fragment(key, values.get(key)) for key in _KEYS]


_KEYS = tuple(sorted((*FIELDS, "spec_version")))
_SEED = _KEYS.index("seed")


def _joined(fragments: list[str]) -> str:
    return "{" + ",".join(fragments) + "}"


@lru_cache(maxsize=65536)
def _fragment(key: str, value: Value) -> str:
    """One `"key":value` of the canonical form; cached, since the specs of a sweep share nearly all of them."""
    if key == "spec_version":
        value = SPEC_VERSION
    elif key == "augmentation" and value is None:
        value = "none"
    return f'"{key}":{canonical_json(value)}'


def make_spec(mapping: Mapping[str, object], sizes: Sizes) -> TrainingSpec:
    """Validate and normalise what a user wrote.

    Args:
        mapping: field names to values; fields left out take their defaults.
        sizes: gives the sizes of a data set by its name, `sensdb.datasets.catalogue.dataset_info` for one.

    Raises:
        FieldError: a value is not allowed, a required one is missing, or two fields do not go together.
        SpecError: there is no such field.
        DataError: from `sizes`, where an .npz cannot be found.
    """
    values = dict(DEFAULTS)
    for name, value in mapping.items():
        values[name] = check_field(name, value)
    return finish_spec(values, sizes)


def finish_spec(values: Mapping[str, Value], sizes: Sizes) -> TrainingSpec:
    """The second half of `make_spec`: the rules between fields, for values that `check_field` has passed.

    `values` holds every field, required ones as None where they were not given.

    Raises:
        FieldError: two fields do not go together; `field` is the one to change.
    """
    spec: dict[str, Any] = dict(values)
    for required in ("dataset", "hidden_layers", "batch_size"):
        if spec[required] is None:
            raise _missing(required)
    info = sizes(spec["dataset"])
    _fit_data(spec, info)
    _fit_layers(spec)
    _fit_optimizer(spec, spec["n_train"] or info.n_train)
    return TrainingSpec(**spec)


def _fit_data(spec: dict[str, Any], info: DatasetInfo) -> None:
    """n_train, crop and augmentation against the data set."""
    n_train, crop = spec["n_train"], spec["crop"]
    name = "the .npz" if info.name.startswith("npz:") else info.name
    if n_train is not None and n_train > info.n_train:
        raise FieldError(
            "n_train",
            f"{n_train} is not null or a whole number from 1 to {info.n_train}, the training points of {name}.",
        )
    if n_train == info.n_train:
        spec["n_train"] = None
    if crop is not None:
        side = min(info.height, info.width)
        if not info.is_image:
            raise FieldError("crop", f"{crop} needs images, and {name} has none.", "leave crop out.")
        if crop > side:
            raise FieldError("crop", f"{crop} is not null or a whole number of pixels from 1 to {side} for {name}.")
        if crop == info.height == info.width:
            spec["crop"] = None
    if spec["augmentation"] is not None:
        if not info.is_image:
            raise FieldError(
                "augmentation", f"{show(spec['augmentation'])} needs images, and {name} has none.", "write none."
            )
        if "rotate" in spec["augmentation"] and spec["crop"] is None and info.height != info.width:
            raise FieldError(
                "augmentation",
                f"rotate needs square images, and those of {name} are {info.height} x {info.width}.",
                "a crop makes them square.",
            )


def _fit_layers(spec: dict[str, Any]) -> None:
    """width against hidden_layers."""
    hidden_layers, width = spec["hidden_layers"], spec["width"]
    if hidden_layers == 0:
        spec["width"] = None
    elif width is None:
        raise _missing("width")
    elif isinstance(width, tuple):
        if len(width) != hidden_layers:
            raise FieldError(
                "width",
                f"{show(width)} has {len(width)} entries, hidden_layers = {hidden_layers} needs {hidden_layers}.",
                "one number gives all hidden layers the same width.",
            )
        if len(set(width)) == 1:
            spec["width"] = width[0]


def _fit_optimizer(spec: dict[str, Any], n_points: int) -> None:
    """batch_size, momentum, learning rates and augmentation against the optimizer and the number of training points."""
    batch_size, optimizer = spec["batch_size"], spec["optimizer"]
    if batch_size != FULL_BATCH and batch_size > n_points:
        raise FieldError(
            "batch_size", f"{batch_size} is not full or a whole number from 1 to {n_points}, the training points."
        )
    if batch_size == n_points:
        spec["batch_size"] = FULL_BATCH
    if optimizer != "momentum":
        spec["momentum"] = None
    elif spec["momentum"] is None:
        spec["momentum"] = DEFAULTS["momentum"]
    if optimizer == "lbfgs":
        if spec["batch_size"] != FULL_BATCH:
            raise FieldError(
                "batch_size", f"{batch_size} is not full, the only batch of optimizer lbfgs.", "write batch_size: full."
            )
        if spec["augmentation"] is not None:
            raise FieldError(
                "augmentation",
                f"{show(spec['augmentation'])} does not go with optimizer lbfgs, whose line search needs a fixed loss.",
                "write augmentation: none, or train with sgd, momentum, adam or rmsprop.",
            )
        spec["learning_rate"] = spec["learning_rate_drop_epochs"] = None
    elif spec["learning_rate"] is None:
        raise _missing("learning_rate")


def _missing(field: str) -> FieldError:
    return FieldError(field, f"missing; needs {FIELDS[field].allowed}.")


def from_canonical(text: str) -> TrainingSpec:
    """The spec of a canonical form, as `models.spec` holds it; needs no data set's sizes.

    Raises:
        SpecError: it is of another spec_version, or no canonical form at all.
    """
    stored = stored_fields(text)
    if set(stored) != set(FIELDS):
        raise SpecError(f"a stored spec has other fields than spec_version {SPEC_VERSION}.")
    checked: dict[str, Any] = {name: check_field(name, value) for name, value in stored.items()}
    return TrainingSpec(**checked)


def stored_fields(text: str) -> dict[str, object]:
    """The fields of a canonical form of this spec_version, of whatever kind of spec, unchecked.

    Raises:
        SpecError: it is of another spec_version, or not JSON.
    """
    try:
        stored = json.loads(text)
    except ValueError as error:
        raise SpecError(f"a stored spec is not JSON: {error}.") from None
    version = stored.pop("spec_version", None) if isinstance(stored, dict) else None
    if version != SPEC_VERSION:
        raise SpecError(
            f"a stored spec has spec_version {show(version)}; this sensdb knows {SPEC_VERSION}.",
            "upgrade sensdb on this machine.",
        )
    fields: dict[str, object] = stored
    return fields


def stop_rule(spec: TrainingSpec) -> tuple[Literal["never", "fitted", "loss"], float | None]:
    """When training ends before max_steps: the rule, and the threshold of rule loss."""
    if spec.stop == "never":
        return "never", None
    if spec.stop == "fitted":
        return "fitted", None
    return "loss", float(spec.stop.partition("<")[2])


def n_train_points(spec: TrainingSpec, info: DatasetInfo) -> int:
    """Training points the model sees."""
    return spec.n_train or info.n_train


def layer_sizes(spec: Spec, info: DatasetInfo) -> tuple[int, ...]:
    """(d, width of each hidden layer, K): d after the crop, K classes."""
    inputs = info.input_size if spec.crop is None else spec.crop * spec.crop * info.channels
    return (inputs, *spec.widths, info.n_classes)


def n_parameters(spec: Spec, info: DatasetInfo) -> int:
    """Weights, and biases where there are any."""
    sizes = layer_sizes(spec, info)
    weights = sum(fan_in * fan_out for fan_in, fan_out in pairwise(sizes))
    return weights + (sum(sizes[1:]) if spec.biases else 0)


def n_hidden_units(spec: Spec) -> int:
    """Units of all hidden layers."""
    return sum(spec.widths)


def pack_key(spec: TrainingSpec, info: DatasetInfo) -> str:
    """What models must share to be trained as one pack: equal keys, equal tensor shapes and arithmetic.

    Momentum is in it because it scales the velocity of the whole stack in one call; learning rates are not, nor the
    training points: each model has its own. A full batch is kept apart from a mini batch of as many points: its
    order is fixed.
    """
    rows = spec.batch_rows(n_train_points(spec, info))
    return "/".join(
        (
            spec.dataset,
            "whole" if spec.crop is None else f"crop{spec.crop}",
            "-".join(map(str, layer_sizes(spec, info))),
            spec.nonlinearity,
            "biases" if spec.biases else "no-biases",
            spec.loss,
            augmentation_text(spec),
            spec.optimizer if spec.momentum is None else f"{spec.optimizer}{spec.momentum!r}",
            f"full{rows}" if spec.full_batch else f"batch{rows}",
            spec.dtype,
        )
    )


def augmentation_text(spec: TrainingSpec) -> str:
    """The augmentations in their fixed order, joined by commas; none where there is none."""
    return ",".join(spec.augmentation) if spec.augmentation else "none"
