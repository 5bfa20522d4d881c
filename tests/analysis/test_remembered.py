"""An answer that was kept is given again while it would be the same, and never after."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sensdb.analysis import remembered, summarised
from sensdb.analysis.ask import ask
from sensdb.analysis.population import Filters
from sensdb.analysis.saved_queries import SavedQuery
from sensdb.mirror.manifest import Manifest
from tests.analysis.conftest import Study
from tests.mirror.looking import points
from tests.mirror.stored import replace_result


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the queries that were worked out and not given from what was kept."""
    names: list[str] = []
    keep = remembered.keep

    def counting(file: Path, manifest: Manifest, query: SavedQuery, table: Any, about: Any) -> None:
        names.append(query.name)
        keep(file, manifest, query, table, about)

    monkeypatch.setattr(remembered, "keep", counting)
    return names


def test_the_same_question_is_answered_once(study: Study, computed: list[str]) -> None:
    study.add(*({"seed": seed, "points": points(12)} for seed in range(3)))

    first, second = study.ask("points_by_quantile", quantiles=4), study.ask("points_by_quantile", quantiles=4)

    assert computed == ["points_by_quantile"]
    assert second.table.equals(first.table)
    assert second.columns == first.columns
    assert {**second.meta, "mirror_at": None} == {**first.meta, "mirror_at": None}


def test_another_parameter_or_filter_is_another_question(study: Study, computed: list[str]) -> None:
    study.add({"points": points(12)}, sweep="a")
    study.add({"seed": 1, "points": points(12)}, sweep="b")

    for quantiles, filters in ((4, Filters()), (5, Filters()), (4, Filters(sweep="a")), (4, Filters(sweep="b"))):
        study.ask("points_by_quantile", filters, quantiles=quantiles)

    assert len(computed) == 4


def test_a_replaced_result_is_asked_anew(study: Study, computed: list[str]) -> None:
    (model,) = study.add({"points": points(10)})
    before = study.ask("points_by_quantile", quantiles=4)
    replace_result(study.engine, model, points=points(10, correct=False))

    after = study.ask("points_by_quantile", quantiles=4)

    assert len(computed) == 2
    assert [row["accuracy"] for row in before.rows] == [1.0] * 4
    assert [row["accuracy"] for row in after.rows] == [0.0] * 4


def test_another_state_of_the_code_is_asked_anew(
    study: Study, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study.add({})
    study.ask("correlation")
    monkeypatch.setattr(remembered, "code_state", lambda: ["another"])

    study.ask("correlation")

    assert len(computed) == 2


def test_the_queue_is_part_of_an_answer_that_reads_it_alone(study: Study, computed: list[str]) -> None:
    study.add({}, sweep="a")
    study.ask("sweep_progress")
    study.ask("correlation")
    with study.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET state = 'queued', finished_at = NULL")

    (row,) = study.ask("sweep_progress").rows
    study.ask("correlation")

    assert row["queued"] == 1
    assert computed == ["sweep_progress", "correlation", "sweep_progress"]


def test_a_view_reads_the_tables_of_the_views_and_tables_it_names() -> None:
    assert {"jobs", "attempts", "models"} <= remembered.tables_of("select * from v_jobs")
    assert "jobs" not in remembered.tables_of("select * from v_points")


def test_a_kept_answer_that_is_damaged_is_worked_out_anew(study: Study, computed: list[str]) -> None:
    study.add({})
    before = study.ask("correlation")
    (kept,) = (study.cache / "answers").rglob("*.arrow")
    kept.write_bytes(kept.read_bytes()[:100])

    assert study.ask("correlation").table.equals(before.table)
    assert len(computed) == 2


def test_no_more_answers_are_kept_than_the_last_ones(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST_ANSWERS", 2)
    study.add({})

    for draws in (100, 200, 300):
        study.ask("correlation", draws=draws)

    assert len(list((study.cache / "answers").rglob("*.arrow"))) == 2


def test_a_kept_answer_imports_nothing_heavy(study: Study) -> None:
    study.add({"points": points(12)})
    ask(study.url, study.cache, "correlation")
    script = (
        "import sys; from pathlib import Path; from sensdb.analysis.ask import ask;"
        " ask(sys.argv[1], Path(sys.argv[2]), 'correlation', sync=False);"
        " heavy = {'duckdb', 'pandas', 'scipy', 'statsmodels', 'pyarrow.parquet', 'sensdb.database.schema'};"
        " print(*sorted(heavy & set(sys.modules)))"
    )

    said = subprocess.run([sys.executable, "-c", script, study.url, study.cache], check=True, stdout=subprocess.PIPE)

    assert said.stdout.split() == []


def test_sensdbs_own_queries_alone_are_answered_from_summaries(study: Study, tmp_path: Path) -> None:
    from dataclasses import replace

    from sensdb.analysis.saved_queries import load_queries

    query = load_queries()["point_auroc"]
    own = replace(query, path=tmp_path / "point_auroc.sql")

    assert summarised.from_summaries(query, {"metric": ["doubt"]}) != query
    assert summarised.from_summaries(query, {"metric": ["doubt", "width"]}) == query
    assert summarised.from_summaries(own, {"metric": ["doubt"]}) == own
