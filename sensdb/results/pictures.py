"""Region slices as a file: an .npz of the plane and of what was seen on it, and the rows of region_slices beside it.

origin, e1, e2          [d]         x = origin + a e1 + b e2, standardised input
half                    []          the window is |a|, |b| <= half
points                  [3, 2]      (a, b) of the three training points
radius                  []          of the discs around them
<moment>_segments       [S, 2, 2]   boundaries of regions, moment before or after; exact slices
<moment>_layers         [S]         hidden layer of the unit each belongs to, from 0
<moment>_corners        [V, 2]      corners of all regions, one region's behind the other's, in order around it
<moment>_sizes          [R]         corners of each region
<moment>_changes_<scope> [n, n]     units that change code to the next pixels, rows from b = -half up; by pixels
<moment>_n_hidden       []          hidden layers of the network
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.errors import ArtifactError
from sensdb.jobs.dialects import Dialect, rows_json

REGIONS = "regions"
SUFFIX = "npz"

Arrays = Mapping[str, npt.NDArray[Any]]

_PLANE = {"origin": 1, "e1": 1, "e2": 1, "half": 0, "points": 2, "radius": 0}
_EXACT = {"segments": 3, "layers": 1, "corners": 2, "sizes": 1, "n_hidden": 0}
_PIXELS = {"changes_all": 2, "changes_last_hidden": 2, "n_hidden": 0}
_FORM = "sensdb writes such files itself, under `measure: {regions: true}`."


def pictures_bytes(arrays: Arrays) -> bytes:
    """The file of these arrays; equal arrays give equal bytes. Reals in 4 bytes, but for the plane's axes."""
    kept = {name: np.asarray(array) for name, array in sorted(arrays.items())}
    for name, array in kept.items():
        if array.dtype == np.float64 and name not in _PLANE:
            kept[name] = array.astype(np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **kept)
    return buffer.getvalue()


def read_pictures(data: bytes, source: str) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a file.

    Raises:
        ArtifactError: it is not such a file, or an array is missing or has another number of axes.
    """
    try:
        if not zipfile.is_zipfile(io.BytesIO(data)):
            raise ValueError("not an archive of arrays")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = dict(file)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{source} is no file of region slices: {error}.", _FORM) from None
    expected = dict(_PLANE)
    for moment in moments(arrays):
        kinds = _EXACT if f"{moment}_segments" in arrays else _PIXELS
        expected |= {f"{moment}_{name}": axes for name, axes in kinds.items()}
    for name, axes in expected.items():
        if name not in arrays or arrays[name].ndim != axes:
            found = f"has {arrays[name].ndim} axes, not {axes}" if name in arrays else "is not there"
            raise ArtifactError(f"{source} is no file of region slices: array {name} {found}.", _FORM)
    return arrays


def moments(arrays: Arrays) -> list[str]:
    """Those of before and after that the arrays show, in this order."""
    return [moment for moment in ("before", "after") if f"{moment}_n_hidden" in arrays]


def write_regions(
    connection: sa.Connection, dialect: Dialect, regions: Mapping[int, Sequence[Mapping[str, object]]]
) -> None:
    """Store rows of region_slices by model_id, each naming its model's file of pictures if there is one."""
    if not regions:
        return
    chosen = f"model_id in ({dialect.records('model_ids', model_id='bigint')})"
    files = connection.execute(
        sa.text(
            f"select model_id, max(artifact_id) as artifact_id from artifacts where kind = '{REGIONS}' and {chosen}"
            " group by model_id"
        ),
        {"model_ids": rows_json([model_id] for model_id in regions)},
    )
    artifact_ids = {row.model_id: row.artifact_id for row in files}
    rows = [
        {"model_id": model_id, **row, "artifact_id": artifact_ids.get(model_id)}
        for model_id, of_model in regions.items()
        for row in of_model
    ]
    dialect.insert(connection, schema.region_slices, rows, "model_id, slice, moment, scope")
