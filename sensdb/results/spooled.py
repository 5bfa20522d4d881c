"""A result as a file: a line with the checksum of the rest, then an .npz of its arrays and of a JSON text.

Nothing in it is pickled, so a file that somebody else wrote can do no more than fail.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from sensdb.errors import ArtifactError
from sensdb.results.artifacts import Artifact
from sensdb.results.writer import Result

_FIRST_LINE = b"sensdb result 1 "
_PLAIN = ("model_id", "attempt", "engine_version", "device_class", "measure", "result_id")
_COLUMNS = ("points", "trajectories")


def result_bytes(result: Result) -> bytes:
    """The file of a result; numbers are kept to the last bit, those that do not exist too."""
    header: dict[str, object] = {name: getattr(result, name) for name in _PLAIN}
    header["metrics"] = _plain(result.metrics)
    header["regions"] = None if result.regions is None else [_plain(row) for row in result.regions]
    header["artifacts"] = [file.__dict__ for file in result.artifacts]
    arrays = {"header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)}
    for kind in _COLUMNS:
        columns = getattr(result, kind)
        for name, values in (columns or {}).items():
            array = np.asarray(values)
            # Text as text of fixed length: an array of objects could only be pickled.
            arrays[f"{kind}.{name}"] = array.astype(np.str_) if array.dtype == object else array
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    data = buffer.getvalue()
    return _FIRST_LINE + hashlib.sha256(data).hexdigest().encode() + b"\n" + data


def read_result(data: bytes, source: str) -> Result:
    """The result of a file.

    Raises:
        ArtifactError: it is torn, altered or no such file.
    """
    first, _, rest = data.partition(b"\n")
    if first != _FIRST_LINE + hashlib.sha256(rest).hexdigest().encode():
        raise ArtifactError(f"{source} is torn or altered: its checksum is not that of its content.")
    try:
        with np.load(io.BytesIO(rest), allow_pickle=False) as file:
            arrays: dict[str, Any] = dict(file)
        header = json.loads(arrays.pop("header").tobytes())
        columns: dict[str, dict[str, Any]] = {}
        for name, array in arrays.items():
            kind, _, column = name.partition(".")
            columns.setdefault(kind, {})[column] = array
        return Result(
            **{name: header[name] for name in _PLAIN},
            metrics=header["metrics"],
            regions=header["regions"],
            artifacts=[Artifact(**file) for file in header["artifacts"]],
            points=columns.get("points"),
            trajectories=columns.get("trajectories"),
        )
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{source} is no result that this version wrote: {error}.") from None


def _plain(row: Mapping[str, object]) -> dict[str, object]:
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()}
