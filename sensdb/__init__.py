"""sensdb: does sensitivity predict generalization? Train, measure, store and ask.

`connect` is the door for notebooks; nothing heavy is imported before a question is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sensdb.version import __version__

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    import pandas as pd
    from matplotlib.figure import Figure

    from sensdb.settings import Settings

__all__ = ["Database", "__version__", "connect"]

Filter = str | Iterable[str] | None


def connect(url: str | None = None) -> Database:
    """Open a database to ask it questions.

    Args:
        url: `sqlite:///study.db` or `postgresql://user@host/name`; None for what the command line would take:
            SENSDB_DATABASE_URL, else the config file, else sensdb.db in the working folder.

    Raises:
        SensdbError: the config file is not valid.
    """
    from sensdb.settings import Settings

    return Database(Settings.resolve(database=url))


class Database:
    """The results of one database; build it with `connect`.

    Questions are asked of a mirror on this machine, which each method brings up to date first (`sync=False`: asks it
    as it is). Any number of these objects, and the command line, share one mirror. Nothing is printed and nothing
    stays open between two calls; `with` works, and so does doing without.

    Every method raises a SensdbError whose `message` and `hint` are those of the command line.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def __repr__(self) -> str:
        from pyarrow.parquet import read_metadata

        from sensdb.database.url import mask
        from sensdb.errors import DatabaseError
        from sensdb.mirror.manifest import last_manifest

        try:
            folder, manifest = last_manifest(*self._place)
            n_models = read_metadata(folder / manifest.tables["model_metrics"]).num_rows
            state = f"{n_models} models done, mirror as of {manifest.synced_at}"
        except DatabaseError:
            state = "not synced yet"
        return f"<sensdb.Database {mask(self._settings.database_url)}: {state}>"

    def query(self, name: str, /, *, sync: bool = True, queries: Path | None = None, **parameters: Any) -> pd.DataFrame:
        """Ask a saved question: the rows of `sensdb query NAME`, typed as its header says.

        Args:
            name: of the query; `queries()` lists them.
            sync: bring the mirror up to date first.
            queries: a folder of your own queries beside sensdb's.
            parameters: the query's parameters by name, and the filters sweep, dataset and where, each a text or
                several.

        Returns:
            A frame without an index of its own; `attrs` says what it is made of: query, parameters, mirror_at (UTC),
            n_models, left_out, sensdb_version.
        """
        from sensdb.analysis.ask import ask

        return ask(*self._place, name, parameters, sync=sync, queries=queries).frame

    def sql(self, text: str, /, *, sync: bool = True, **parameters: Any) -> pd.DataFrame:
        """Ask one SELECT over the tables and views; `$name` in it stands for a parameter."""
        from sensdb.analysis.ask import ask_sql

        return ask_sql(*self._place, text, parameters, sync=sync).frame

    def models(
        self, *, sweep: Filter = None, dataset: Filter = None, where: Filter = None, sync: bool = True
    ) -> pd.DataFrame:
        """v_models: one row a model with a result, its spec and its metrics."""
        return self._view("select * from v_models order by model_id", sweep, dataset, where, sync)

    def points(
        self, *, sweep: Filter = None, dataset: Filter = None, where: Filter = None, sync: bool = True
    ) -> pd.DataFrame:
        """v_points: one row a model and test point; name a sweep, a data set or a condition where there are many."""
        return self._view("select * from v_points order by model_id, point_index", sweep, dataset, where, sync)

    def queries(self, folder: Path | None = None) -> pd.DataFrame:
        """The saved questions: their names, what they ask, and their parameters."""
        import pandas as pd

        from sensdb.analysis.ask import list_queries

        rows = [(each.name, each.question, [p.name for p in each.parameters]) for each in list_queries(folder)]
        return pd.DataFrame(rows, columns=["query", "question", "parameters"])

    def plot(self, name: str, /, *, sync: bool = True, **parameters: Any) -> Figure:
        """Draw a figure of `sensdb plot`, whose parameters and filters it takes; `savefig` writes it."""
        from sensdb.analysis.plot import plot

        return plot(*self._place, name, parameters, artifacts_url=self._settings.artifacts_url, sync=sync).figure

    def _view(self, text: str, sweep: Filter, dataset: Filter, where: Filter, sync: bool) -> pd.DataFrame:
        from sensdb.analysis.ask import ask_sql
        from sensdb.analysis.population import Filters

        return ask_sql(*self._place, text, filters=Filters(sweep, dataset, where), sync=sync).frame

    @property
    def _place(self) -> tuple[str, Path]:
        return self._settings.database_url, self._settings.cache_path
