"""The spec of a network that was trained elsewhere: its shape, what it is measured on, and the file it came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.fields import canonical_json
from sensdb.definitions.spec import SPEC_VERSION, Spec, stored_fields
from sensdb.definitions.spec_fields import check_field
from sensdb.errors import ShapeError, SpecError


@dataclass(frozen=True)
class ImportedSpec(Spec):
    """One network of another's making; build it with `make_imported_spec`.

    Nothing is known of its training, so no training field has a value, and it is a configuration of its own: which
    imported networks differ by their seed alone, nobody said.

    source_sha256: SHA-256 of the file it came in, which together with data set and nonlinearity is its identity.
    """

    dataset: str
    hidden_layers: int
    width: int | tuple[int, ...] | None
    nonlinearity: str
    biases: bool
    dtype: str
    source_sha256: str
    crop: None = field(default=None, init=False)

    @cached_property
    def canonical(self) -> str:
        """The spec as JSON: keys sorted, every field present, `spec_version` 1."""
        return canonical_json({**{name: getattr(self, name) for name in _FIELDS}, "spec_version": SPEC_VERSION})


# Those a training spec has too; what is allowed in them is said in spec_fields.
_SHARED = ("dataset", "hidden_layers", "width", "nonlinearity", "biases", "dtype")
_FIELDS = (*_SHARED, "source_sha256")


def make_imported_spec(
    sizes: Sequence[int], info: DatasetInfo, *, nonlinearity: str, biases: bool, dtype: str, source_sha256: str
) -> ImportedSpec:
    """Check a network's shape against the data set it is to be measured on.

    Args:
        sizes: its layer sizes, (d, h1, ..., K): inputs first, logits last.
        info: the data set.
        nonlinearity: after every layer but the last.
        biases: whether its layers have biases; dtype: of its weights, float32 or float64.
        source_sha256: SHA-256 of the file it came in.

    Raises:
        ShapeError: its inputs are not the data set's, or its outputs not the classes; gives both sizes.
        FieldError: too many or too wide layers, or no such nonlinearity.
    """
    name = "the .npz" if info.name.startswith("npz:") else info.name
    if sizes[0] != info.input_size:
        image = f"{info.height} x {info.width} x {info.channels} = " if info.is_image else ""
        raise ShapeError(
            f"the network takes {sizes[0]} inputs, and a point of {name} has {image}{info.input_size}.",
            "weights.0 is [fan_out, fan_in], the inputs second.",
        )
    if sizes[-1] != info.n_classes:
        raise ShapeError(
            f"the network has {sizes[-1]} outputs, and {name} has {info.n_classes} classes.",
            "the last tensor of weights gives the logits, one a class.",
        )
    widths = tuple(sizes[1:-1])
    # In the one spelling of every spec: equal widths are one number.
    width = None if not widths else widths[0] if len(set(widths)) == 1 else widths
    given = (info.name, len(widths), width, nonlinearity, biases, dtype)
    return _checked({**dict(zip(_SHARED, given, strict=True)), "source_sha256": source_sha256})


def imported_from_canonical(text: str) -> ImportedSpec:
    """The spec of a canonical form, as `models.spec` holds it.

    Raises:
        SpecError: it is of another spec_version, or no canonical form of an imported network.
    """
    stored = stored_fields(text)
    if set(stored) != set(_FIELDS):
        raise SpecError(f"a stored spec has other fields than an imported network of spec_version {SPEC_VERSION}.")
    return _checked(stored)


def _checked(values: dict[str, object]) -> ImportedSpec:
    checked: dict[str, Any] = {
        name: value if name == "source_sha256" or (name == "width" and value is None) else check_field(name, value)
        for name, value in values.items()
    }
    return ImportedSpec(**checked)
