"""A network's weights as a safetensors file: `weights.0` [fan_out, fan_in], `biases.0` [fan_out], `weights.1`, ...

The logits' layer comes last. The format holds numbers and nothing that could be executed; whatever else a file claims
is refused by name.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensdb.definitions.fields import show
from sensdb.errors import ArtifactError, ShapeError

Array = npt.NDArray[np.floating[Any]]

SUFFIX = "safetensors"

_TENSOR = re.compile(r"(weights|biases)\.(0|[1-9][0-9]{0,3})")
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_SPEC = "spec_sha256"
_FORM = "a network is weights.0, weights.1, ... of shape [fan_out, fan_in], and biases.0, ... for all layers or none."


@dataclass(frozen=True)
class Weights:
    """The numbers of one network.

    weights: a layer each, [fan_out, fan_in], logits last; biases: [fan_out] beside them, None where there are none.
    spec_sha256: the spec the file says it belongs to; None in files from elsewhere.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...] | None
    spec_sha256: str | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Layer sizes, (d, h1, ..., K)."""
        return (self.weights[0].shape[1], *(weight.shape[0] for weight in self.weights))

    @property
    def dtype(self) -> str:
        """float32 or float64, one for all."""
        return self.weights[0].dtype.name

    @property
    def finite(self) -> bool:
        """Whether every number is."""
        return all(bool(np.isfinite(tensor).all()) for tensor in (*self.weights, *(self.biases or ())))


def weights_bytes(network: Weights) -> bytes:
    """The file of a network; equal networks give equal bytes."""
    from safetensors.numpy import save

    tensors = {f"weights.{layer}": tensor for layer, tensor in enumerate(network.weights)}
    tensors |= {f"biases.{layer}": tensor for layer, tensor in enumerate(network.biases or ())}
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    # One entry at most: the order of several would differ from run to run, and with it the checksum.
    metadata = {} if network.spec_sha256 is None else {_SPEC: network.spec_sha256}
    return save(contiguous, metadata=metadata)


def read_weights(data: bytes, source: str) -> Weights:
    """The network of a safetensors file.

    Args:
        data: the file's content.
        source: how errors call the file.

    Raises:
        ArtifactError: it is not such a file, or holds tensors of other names or types; with what is allowed.
        ShapeError: layers do not chain, or a bias does not fit its layer; gives both sizes.
    """
    from safetensors import SafetensorError, deserialize

    try:
        found: dict[str, Any] = dict(deserialize(data))  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ArtifactError(f"{source} is not a safetensors file: {error}.", _FORM) from None
    n_layers = _check_names(found, source)
    dtype = _check_types(found, source)
    _check_shapes({name: list(tensor["shape"]) for name, tensor in found.items()}, n_layers, source)

    def arrays(kind: str) -> tuple[Array, ...]:
        tensors = [found[f"{kind}.{layer}"] for layer in range(n_layers)]
        return tuple(np.frombuffer(tensor["data"], dtype=dtype).reshape(tensor["shape"]) for tensor in tensors)

    return Weights(arrays("weights"), arrays("biases") if "biases.0" in found else None, _metadata(data).get(_SPEC))


def _check_names(found: Mapping[str, object], source: str) -> int:
    """Exactly weights.0 to weights.(L-1), and biases of all layers or of none; returns L."""
    strange = sorted(name for name in found if not _TENSOR.fullmatch(name))
    if strange:
        raise ArtifactError(
            f"{source} holds a tensor {show(strange[0])}, which is none of weights.0, biases.0, weights.1, ...", _FORM
        )
    n_layers = 1 + max((int(name.partition(".")[2]) for name in found), default=0)
    kinds = ("weights", "biases") if any(name.startswith("biases") for name in found) else ("weights",)
    for kind in kinds:
        for layer in range(n_layers):
            if f"{kind}.{layer}" not in found:
                raise ArtifactError(f"{source} lacks the tensor {kind}.{layer}.", _FORM)
    return n_layers


def _check_types(found: Mapping[str, Any], source: str) -> np.dtype[Any]:
    """One of the types of a spec, the same for all tensors."""
    for name, tensor in sorted(found.items()):
        if tensor["dtype"] not in _DTYPES:
            raise ArtifactError(f"{source}: {name} is of type {tensor['dtype']}, not {' or '.join(_DTYPES)}.")
    kinds = sorted({tensor["dtype"] for tensor in found.values()})
    if len(kinds) > 1:
        raise ArtifactError(f"{source} holds tensors of types {' and '.join(kinds)}: one for all is allowed.")
    return _DTYPES[kinds[0]]


def _check_shapes(shapes: Mapping[str, list[int]], n_layers: int, source: str) -> None:
    """Layers that chain, and biases that fit them."""
    outputs = None
    for layer in range(n_layers):
        shape = shapes[f"weights.{layer}"]
        if len(shape) != 2 or 0 in shape:
            raise ShapeError(f"{source}: weights.{layer} is {shape}, not [fan_out, fan_in].", _FORM)
        if outputs not in (None, shape[1]):
            raise ShapeError(
                f"{source}: weights.{layer} is {shape}, and weights.{layer - 1} has {outputs} outputs.",
                "each is [fan_out, fan_in], and fan_in is the fan_out before it.",
            )
        outputs = shape[0]
        bias = shapes.get(f"biases.{layer}", [outputs])
        if bias != [outputs]:
            raise ShapeError(f"{source}: biases.{layer} is {bias}, and weights.{layer} has {outputs} outputs.", _FORM)


def _metadata(data: bytes) -> dict[str, str]:
    """What the header says beside the tensors; the file was read already, so it is well formed."""
    (n_header,) = struct.unpack("<Q", data[:8])
    metadata: dict[str, str] = json.loads(data[8 : 8 + n_header]).get("__metadata__") or {}
    return metadata
