"""Specs as the tables hold them: the row of `models` and the job of a spec, whether trained here or elsewhere."""

from __future__ import annotations

from functools import lru_cache

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.fields import canonical_json
from sensdb.definitions.imported import ImportedSpec, imported_from_canonical
from sensdb.definitions.spec import (
    Spec,
    TrainingSpec,
    augmentation_text,
    from_canonical,
    layer_sizes,
    n_hidden_units,
    n_parameters,
    n_train_points,
    pack_key,
    stop_rule,
)
from sensdb.definitions.spec_fields import FIELDS

MEASURE_PREFIX = "measure/"
"""What the pack key of a job begins with that measures stored weights; jobs of one claim are of one kind."""

_SOURCE = "source_sha256"


def read_spec(text: str) -> Spec:
    """The spec that `models.spec` holds; needs no data set's sizes.

    Raises:
        SpecError: it is of another spec_version, or no canonical form at all.
    """
    return imported_from_canonical(text) if f'"{_SOURCE}":' in text else from_canonical(text)


def model_columns(spec: Spec, info: DatasetInfo) -> dict[str, object]:
    """The row of table `models` that follows from a spec: every typed column but the key and the times.

    Columns that say how a network was trained are None for an imported one, and source_sha256 is None for others.
    """
    sizes = layer_sizes(spec, info)
    columns: dict[str, object] = {name: getattr(spec, name, None) for name in FIELDS if name != "stop"}
    columns.update(
        spec_sha256=spec.spec_sha256,
        configuration_sha256=spec.configuration_sha256,
        spec=spec.canonical,
        width=None if isinstance(spec.width, tuple) else spec.width,
        widths=_widths_text(spec.widths),
        source_sha256=getattr(spec, _SOURCE, None),
        n_test_points=info.n_test,
        n_classes=info.n_classes,
        input_size=sizes[0],
        n_parameters=n_parameters(spec, info),
        n_hidden_units=n_hidden_units(spec),
    )
    columns.update(_training_columns(spec, info))
    return columns


@lru_cache(maxsize=4096)
def _widths_text(widths: tuple[int, ...]) -> str:
    return canonical_json(widths)


def first_job(spec: Spec, info: DatasetInfo) -> tuple[str, str]:
    """The kind and the pack key of a new model's job: trained here, it is trained; trained elsewhere, measured."""
    if isinstance(spec, TrainingSpec):
        return "train", pack_key(spec, info)
    shape = "-".join(map(str, layer_sizes(spec, info)))
    biases = "biases" if spec.biases else "no-biases"
    return "measure", MEASURE_PREFIX + "/".join((spec.dataset, "whole", shape, spec.nonlinearity, biases, spec.dtype))


def is_imported(spec: Spec) -> bool:
    """Whether the network was trained elsewhere."""
    return isinstance(spec, ImportedSpec)


def _training_columns(spec: Spec, info: DatasetInfo) -> dict[str, object]:
    """Columns whose values are not fields of the spec as they stand."""
    names = ("augmentation", "batch_size", "full_batch", "stop_rule", "stop_loss", "n_train_points")
    if not isinstance(spec, TrainingSpec):
        return dict.fromkeys(names)
    batch_size = None if spec.full_batch else spec.batch_size
    values = (augmentation_text(spec), batch_size, spec.full_batch, *stop_rule(spec), n_train_points(spec, info))
    return dict(zip(names, values, strict=True))
