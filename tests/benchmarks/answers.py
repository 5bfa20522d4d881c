"""Speed of answers, as a user meets them: `python -m tests.benchmarks.answers`.

Every line but those of rivals is a whole process, `sensdb query ... -o FILE`, on a mirror that is up to date:

- the model-level queries over many models: asked for the first time (intervals drawn), and asked again (kept);
- the queries over test points: from all points (the same files as a user's own, `--queries`), from the mirror's
  summaries of each model, and asked again. The rows lie in SQLite and in PostgreSQL;
- the same questions asked of PostgreSQL in its own SQL, and of pandas on rows read from the database by read_sql.

The default sizes take about two minutes; `--models 5000 --points 10000` stores 50 million rows and takes a while.
A shared machine moves the absolute numbers: ratios of one run mean something.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from sensdb.database.bundled import bundled
from sensdb.database.engine import open_engine
from sensdb.mirror import changes
from sensdb.mirror.sync import sync
from tests.benchmarks.generated import fill
from tests.benchmarks.sync import line, seconds
from tests.postgresql import Cluster

MODEL_QUERIES = ("correlation", "factor_pairs", "pairs", "configurations")
POINT_QUERIES = ("points_by_quantile", "point_auroc", "point_correlation")

QUANTILES_IN_SQL = """
WITH ranked AS (
  SELECT model_id, correct::int AS right_, loss, jacobian_norm,
    ntile(10) OVER (PARTITION BY model_id ORDER BY jacobian_norm, point_index) AS quantile
  FROM point_metrics WHERE jacobian_norm IS NOT NULL
), each AS (
  SELECT m.dataset, r.model_id, r.quantile, avg(r.jacobian_norm) AS norm, avg(r.right_) AS accuracy, avg(r.loss) AS loss
  FROM ranked r JOIN models m USING (model_id) GROUP BY m.dataset, r.model_id, r.quantile
) SELECT dataset, quantile, avg(norm), avg(accuracy), avg(loss) FROM each GROUP BY dataset, quantile ORDER BY 1, 2
"""
AUROC_IN_SQL = """
WITH ranked AS (
  SELECT model_id, correct, rank() OVER w + count(*) OVER w AS doubled
  FROM point_metrics WHERE jacobian_norm IS NOT NULL WINDOW w AS (PARTITION BY model_id ORDER BY jacobian_norm)
), each AS (
  SELECT model_id, sum(doubled) FILTER (WHERE NOT correct) / 2.0 AS ranks,
    count(*) FILTER (WHERE NOT correct) AS wrong, count(*) FILTER (WHERE correct) AS right_
  FROM ranked GROUP BY model_id
) SELECT m.dataset, avg((ranks - wrong * (wrong + 1) / 2.0) / nullif(wrong * right_, 0))
  FROM each JOIN models m USING (model_id) GROUP BY m.dataset
"""
CORRELATION_IN_SQL = """
WITH ranked AS (
  SELECT model_id, rank() OVER x + count(*) OVER x AS a, rank() OVER y + count(*) OVER y AS b
  FROM point_metrics WHERE jacobian_norm IS NOT NULL AND loss IS NOT NULL
  WINDOW x AS (PARTITION BY model_id ORDER BY jacobian_norm), y AS (PARTITION BY model_id ORDER BY loss)
), each AS (SELECT model_id, corr(a, b) AS rho FROM ranked GROUP BY model_id)
SELECT m.dataset, avg(rho) FROM each JOIN models m USING (model_id) GROUP BY m.dataset
"""
IN_SQL = dict(zip(POINT_QUERIES, (QUANTILES_IN_SQL, AUROC_IN_SQL, CORRELATION_IN_SQL), strict=True))
SMALL = {"model_id": "int32", "correct": "int8", "loss": "float32", "jacobian_norm": "float32"}


class Asked:
    """A database with its mirror, asked by whole processes."""

    def __init__(self, name: str, url: str, cache: Path) -> None:
        self.name, self.url, self.cache = name, url, cache
        self._environment = {**os.environ, "SENSDB_DATABASE_URL": url, "SENSDB_CACHE": str(cache)}

    def prepare(self) -> float:
        """Bring the mirror up to date, and once more when the database's files have settled; seconds of the first."""
        taken = seconds(lambda: sync(self.url, self.cache))
        time.sleep(changes.SETTLED_SECONDS)
        sync(self.url, self.cache)
        return taken

    def forget(self) -> None:
        """Drop the answers that were kept."""
        shutil.rmtree(self.cache / "answers", ignore_errors=True)

    def ask(self, *words: object) -> float:
        """Seconds of one process."""
        command = [
            Path(sys.executable).with_name("sensdb"),
            "query",
            *map(str, words),
            "-o",
            str(self.cache / "answer.csv"),
        ]
        return seconds(lambda: subprocess.run(command, env=self._environment, check=True, stderr=subprocess.DEVNULL))

    def best(self, *words: object, first: bool) -> float:
        """The shorter of two."""
        taken = []
        for _ in range(2):
            if first:
                self.forget()
            taken.append(self.ask(*words))
        return min(taken)


def model_level(asked: Asked, n_models: int) -> None:
    """The lines of the model-level queries."""
    for query in MODEL_QUERIES:
        words = (query, "-p", "metric=jacobian_norm") if query == "pairs" else (query,)
        first, again = asked.best(*words, first=True), asked.best(*words, first=False)
        line(
            f"{asked.name}: {query}, {n_models:,} models",
            f"{again:.2f} s",
            f"wanted under 1 s; for the first time {first:.2f} s",
        )
    line(f"{asked.name}: correlation by pandas and scipy", f"{seconds(lambda: pandas_correlation(asked.url)):.2f} s")


def pandas_correlation(url: str) -> object:
    """Spearman's correlation a data set, of rows read from the database, without an interval."""
    engine = open_engine(url, read_only=True, limits=False)
    frame = pd.read_sql("SELECT * FROM v_models", engine)
    engine.dispose()
    columns = ["jacobian_norm_mean", "generalization_gap"]
    return frame.groupby("dataset")[columns].corr(method="spearman")


def point_level(asked: Asked, n_rows: int, own: Path) -> None:
    """The lines of the queries over test points."""
    for query in POINT_QUERIES:
        from_points = asked.ask(query, "--queries", own)
        first, again = asked.best(query, first=True), asked.best(query, first=False)
        line(
            f"{asked.name}: {query}, {n_rows:,} rows",
            f"{first:.2f} s",
            f"wanted under 2 s; from all points {from_points:.1f} s, {from_points / first:.0f} times;"
            f" asked again {again:.2f} s",
        )


def in_postgresql(url: str, n_rows: int) -> None:
    """The same questions asked of the server in its own SQL."""
    engine = open_engine(url, read_only=True, limits=False)
    with engine.connect() as connection:
        for query, text in IN_SQL.items():
            taken = seconds(lambda text=text: connection.execute(sa.text(text)).fetchall())  # type: ignore[misc]
            line(f"PostgreSQL's own SQL: {query}, {n_rows:,} rows", f"{taken:.1f} s", "of jacobian_norm alone")
    engine.dispose()


def in_pandas(url: str, n_rows: int) -> None:
    """The same questions asked of pandas, which reads all rows first."""
    engine = open_engine(url, read_only=True, limits=False)
    text = (
        "SELECT p.model_id, m.dataset, p.correct, p.loss, p.jacobian_norm FROM point_metrics p"
        " JOIN models m ON m.model_id = p.model_id"
    )
    started = time.perf_counter()
    with engine.connect().execution_options(stream_results=True) as connection:
        # In pieces: all of 50 million rows as Python's tuples take more memory than the machine has.
        pieces = [piece.astype(SMALL) for piece in pd.read_sql(text, connection, chunksize=500_000)]
    frame = pd.concat(pieces, ignore_index=True).astype({"dataset": "category"})
    del pieces
    read = time.perf_counter() - started
    engine.dispose()
    line("pandas: reading the rows", f"{read:.1f} s", f"{n_rows / read / 1e6:.2f} M rows/s")

    def by_quantile() -> Any:
        place = frame.groupby("model_id")["jacobian_norm"].rank(method="first", pct=True)
        return frame.groupby(["dataset", (place * 10).clip(upper=9.999).astype(int)], observed=True)[
            ["correct", "loss"]
        ].mean()

    def auroc() -> Any:
        frame["rank"] = frame.groupby("model_id")["jacobian_norm"].rank()
        wrong = frame[frame["correct"] == 0].groupby("model_id")["rank"].agg(["sum", "size"])
        n = frame.groupby("model_id").size()
        return (wrong["sum"] - wrong["size"] * (wrong["size"] + 1) / 2) / (wrong["size"] * (n - wrong["size"]))

    def correlation() -> Any:
        ranks = frame.groupby("model_id")[["jacobian_norm", "loss"]].rank()
        return ranks.groupby(frame["model_id"]).corr()

    for query, call in zip(POINT_QUERIES, (by_quantile, auroc, correlation), strict=True):
        line(f"pandas, rows in memory: {query}", f"{seconds(call):.1f} s", "of jacobian_norm alone")


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=int, default=100, help="models with points")
    parser.add_argument("--points", type=int, default=10_000, help="points of each")
    parser.add_argument("--only-models", type=int, default=3_000, help="models without points; 0 for none")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--no-pandas", action="store_true", help="leave pandas out: it holds all rows in memory")
    given = parser.parse_args()
    n_rows = given.models * given.points
    cluster = None if given.only == "sqlite" else Cluster().start()
    with tempfile.TemporaryDirectory(prefix="sensdb-bench-") as name:
        folder = Path(name)
        own = folder / "own"
        own.mkdir()
        for query in POINT_QUERIES:
            shutil.copy(bundled("queries") / f"{query}.sql", own)
        try:
            if given.only_models and given.only != "postgresql":
                asked = Asked("SQLite", f"sqlite:///{folder}/models.db", folder / "models")
                fill(asked.url, n_models=given.only_models, n_points=0)
                line(f"SQLite: sync of {given.only_models:,} models", f"{asked.prepare():.1f} s", "all of them new")
                model_level(asked, given.only_models)
            places = [] if given.only == "postgresql" else [("SQLite", f"sqlite:///{folder}/points.db")]
            places += [] if cluster is None else [("PostgreSQL", cluster.url())]
            for database, url in places if n_rows else []:
                asked = Asked(database, url, folder / database)
                made = fill(url, n_models=given.models, n_points=given.points)
                taken = asked.prepare()
                line(
                    f"{database}: cold sync, with summaries",
                    f"{taken:.1f} s",
                    f"{n_rows / taken / 1e6:.2f} M rows/s; storing them took {made:.0f} s",
                )
                point_level(asked, n_rows, own)
            if cluster is not None and n_rows:
                in_postgresql(cluster.url(), n_rows)
            if places and n_rows and not given.no_pandas:
                in_pandas(places[-1][1], n_rows)
        finally:
            if cluster is not None:
                cluster.stop()


if __name__ == "__main__":
    main()
