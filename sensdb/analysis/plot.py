"""Draw a figure by name: ask the saved query behind it, hand its rows to the function that draws them."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensdb.analysis.answer import Answer
from sensdb.analysis.ask import ask, ask_query, ask_sql
from sensdb.analysis.figures.catalogue import FIGURES
from sensdb.analysis.figures.columns import AXES, scatter_query
from sensdb.analysis.population import OTHER_METHOD, Filters
from sensdb.errors import QueryError, did_you_mean
from sensdb.mirror.sync import Progress
from sensdb.results.artifacts import Artifact, ArtifactStore
from sensdb.results.pictures import REGIONS, read_pictures

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MOST_LETTERS = 24
"""Of a data set's name in a figure, so that a panel's title does not leave the panel."""


@dataclass(frozen=True)
class Plot:
    """A figure, the rows it was drawn from, and the numbers that are drawn of them; `answer.meta` says of what."""

    figure: Figure
    answer: Answer
    data: pd.DataFrame


def plot(
    database_url: str,
    cache: Path,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    filters: Filters | None = None,
    *,
    artifacts_url: str | None = None,
    sync: bool = True,
    progress: Progress | None = None,
) -> Plot:
    """Draw a figure.

    Args:
        name: a key of `FIGURES`.
        parameters: of the saved query behind it; of `scatter` also x, y and color, columns of v_models.
        artifacts_url: where the files of models lie (`Settings.artifacts_url`), for figures of one model.
        filters, sync, progress: as for `ask`.

    Raises:
        QueryError: no such figure or column (nearest match), or no model to draw, with the reasons why.
        ArtifactError, WorkerFault: the file of the model to draw is missing, altered or out of reach.
        UsageError, DatabaseError: as for `ask`.
    """
    if name not in FIGURES:
        raise QueryError(f"no figure '{name}'.", did_you_mean(name, FIGURES, f"figures: {', '.join(FIGURES)}."))
    drawing = FIGURES[name]
    chosen = {**drawing.parameters, **(parameters or {})}
    axes = {name: chosen[name] for name in AXES if name in chosen} if drawing.of_columns else {}
    if drawing.of_columns:
        query = scatter_query(**{"x": None, "y": None, **axes})
        answer = ask_query(database_url, cache, query, chosen, filters, sync=sync, progress=progress)
    else:
        answer = ask(database_url, cache, drawing.query, chosen, filters, sync=sync, progress=progress)
    # Models whose transitions were counted otherwise are in these figures: none shows those of the test points.
    left_out = {why: n for why, n in answer.meta["left_out"].items() if why != OTHER_METHOD}
    if answer.table.num_rows == 0:
        reasons = ", ".join(f"{n} {reason}" for reason, n in left_out.items())
        # Only those are let in by a lower threshold; diverged models have no numbers to draw.
        held_back = any(why.startswith(("not fitted", "training accuracy")) for why in left_out)
        hint = (
            "-p min_train_accuracy=0 takes models that did not fit." if held_back else "sensdb status shows the queue."
        )
        raise QueryError(f"no model to draw{f'; left out: {reasons}' if reasons else ''}.", hint)
    module = importlib.import_module(f"sensdb.analysis.figures.{drawing.module}")
    draw, data = (getattr(module, f"{drawing.module}_{what}") for what in ("figure", "data"))
    rows, more = answer.frame, dict(axes)
    if drawing.of_one_model:
        rows = rows[rows["model_id"] == rows["model_id"].iloc[0]]
        more["pictures"] = _pictures(rows.iloc[0], artifacts_url)
    named = _with_names_to_show(rows, database_url, cache)
    return Plot(draw(named, left_out, **more), answer, data(rows, **more))


def _with_names_to_show(rows: pd.DataFrame, database_url: str, cache: Path) -> pd.DataFrame:
    """The rows with data sets from .npz files called by the file and not by its 64 characters of checksum."""
    if "dataset" not in rows or not rows["dataset"].str.startswith("npz:").any():
        return rows
    known = ask_sql(database_url, cache, "select dataset, name from datasets", sync=False).table.to_pylist()
    shown = names_to_show({row["dataset"]: row["name"] for row in known})
    return rows.assign(dataset=[shown.get(dataset, dataset) for dataset in rows["dataset"]])


def names_to_show(names: Mapping[str, str]) -> dict[str, str]:
    """What a figure calls each data set: its name, cut to MOST_LETTERS, and its checksum where two would be alike.

    Args:
        names: by `dataset`.
    """
    cut = {
        dataset: name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
        for dataset, name in names.items()
    }
    shared = {name for name, n in Counter(cut.values()).items() if n > 1}
    return {
        dataset: f"{name} ({dataset.removeprefix('npz:')[:8]})" if name in shared and dataset != name else name
        for dataset, name in cut.items()
    }


def _pictures(row: Mapping[str, Any], artifacts_url: str | None) -> dict[str, Any]:
    """The file that a row names, checked against the checksum stored beside its name."""
    uri = row["artifact_uri"]
    if not isinstance(uri, str):
        raise QueryError(
            f"model {row['model_id']} has no file of what was seen on its plane.", "-p model_id=N draws another model."
        )
    if artifacts_url is None:
        raise QueryError(f"{uri} is to be drawn, and no artifact folder is named.", "SENSDB_ARTIFACTS names it.")
    # Files lie under the identity of their database.
    store = ArtifactStore(artifacts_url, uri.partition("/")[0])
    return read_pictures(store.get(Artifact(REGIONS, uri, row["artifact_sha256"], 0)), uri)
