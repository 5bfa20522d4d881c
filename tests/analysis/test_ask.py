"""Questions from end to end: filters, names, what an answer says of itself, and old mirrors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.analysis.ask import ask, ask_sql, list_queries, one_mirror
from sensdb.analysis.population import Filters
from sensdb.errors import DatabaseError, QueryError, UsageError
from sensdb.mirror import reader
from sensdb.mirror.manifest import MANIFEST, last_manifest
from sensdb.version import __version__
from tests.analysis.conftest import Study

LISTS_ALL = "The table data_dictionary lists all, with units."


def n_models(study: Study, filters: Filters) -> int:
    n: int = study.sql("select count(*) as n from v_models", filters).rows[0]["n"]
    return n


@pytest.fixture
def filled(study: Study) -> Study:
    """Sweep a: 2 models of digits and one queued; sweep b: one of them and 1 of mnist."""
    study.add({"seed": 0, "width": 8}, {"seed": 1, "width": 16}, {"seed": 2, "width": 32, "result": False}, sweep="a")
    study.add({"dataset": "mnist", "jacobian_norm_mean": 5.0}, sweep="b")
    return study


@pytest.mark.parametrize(
    ("filters", "n"),
    [
        (Filters(), 3),
        (Filters(sweep="a"), 2),
        (Filters(sweep=["a", "b"]), 3),
        (Filters(dataset="mnist"), 1),
        (Filters(dataset=("mnist", "digits")), 3),
        (Filters(sweep="a", dataset="mnist"), 0),
        (Filters(where="jacobian_norm_mean > 2"), 1),
        (Filters(where=["width >= 8", "width < 16"]), 1),
        (Filters(where="fitted_int = 1"), 3),
        (Filters(dataset="cifar10"), 0),
    ],
)
def test_filters_choose_models(filters: Filters, n: int, filled: Study) -> None:
    assert n_models(filled, filters) == n


def test_a_filter_reaches_every_view(filled: Study) -> None:
    filters = Filters(sweep="a")

    sweeps = filled.ask("sweep_progress", filters).rows
    jobs = filled.sql("select count(*) as n from v_jobs", filters).rows

    assert [(row["sweep"], row["queued"], row["done"]) for row in sweeps] == [("a", 1, 2)]
    assert jobs == [{"n": 3}]


def test_a_condition_on_the_spec_keeps_models_without_a_result(filled: Study) -> None:
    (row,) = filled.ask("sweep_progress", where="width >= 16", dataset="digits").rows

    assert (row["sweep"], row["queued"], row["done"]) == ("a", 1, 1)


def test_keywords_of_a_notebook_are_filters_or_parameters(filled: Study) -> None:
    answer = filled.ask("configurations", dataset="digits", min_train_accuracy=0.5, where="width = 8")

    assert len(answer.rows) == 1
    assert answer.meta["filters"] == {"dataset": ["digits"], "where": ["width = 8"]}
    assert answer.meta["parameters"]["min_train_accuracy"] == 0.5


def test_a_data_set_can_be_named_as_its_file_is(study: Study) -> None:
    from sensdb.database import schema
    from sensdb.database.engine import writing

    study.add({"dataset": "npz:abc"})
    row = dict.fromkeys(("n_train", "n_test", "height", "width", "channels", "n_classes"), 1)
    with writing(study.engine) as connection:
        connection.execute(schema.datasets.insert().values(dataset="npz:abc", name="letters", **row))

    assert n_models(study, Filters(dataset="letters")) == 1
    assert n_models(study, Filters(dataset="npz:abc")) == 1


@pytest.mark.parametrize(
    ("filters", "message", "hint"),
    [
        (Filters(sweep="aa"), "there is no sweep 'aa'.", "did you mean 'a'? sensdb status lists all."),
        (
            Filters(dataset="mnsit"),
            "there is no data set 'mnsit'.",
            "did you mean 'mnist'? sensdb data list shows all.",
        ),
        (Filters(where="wdth > 1"), "--where: no column 'wdth' in v_models.", f"did you mean 'width'? {LISTS_ALL}"),
    ],
)
def test_a_filter_on_what_is_not_there_is_an_error(filters: Filters, message: str, hint: str, filled: Study) -> None:
    with pytest.raises(QueryError) as caught:
        filled.ask("configurations", filters)

    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("metric", "hint"),
    [
        ("jacobian_nrm", f"did you mean 'jacobian_norm'? {LISTS_ALL}"),
        ("qqq", "the table data_dictionary lists all, with units."),
    ],
)
def test_a_metric_that_is_not_there_is_an_error(metric: str, hint: str, filled: Study) -> None:
    with pytest.raises(UsageError) as caught:
        filled.ask("correlation", metric=metric)

    assert caught.value.message == f"parameter metric: no number column '{metric}' in v_models."
    assert caught.value.hint == hint


@pytest.mark.parametrize("column", ["nonlinearity", "model_id", "created_at"])
def test_a_column_that_is_no_metric_is_refused_as_one(column: str, filled: Study) -> None:
    with pytest.raises(UsageError, match=f"parameter metric: no number column '{column}' in v_models"):
        filled.ask("correlation", metric=column)


def test_a_parameter_that_is_not_there_is_an_error(filled: Study) -> None:
    with pytest.raises(UsageError, match="the query has no parameter 'lable'"):
        filled.ask("correlation", lable="all")


def test_an_answer_says_what_it_is_made_of(filled: Study) -> None:
    meta = filled.ask("correlation", sweep="a").meta

    assert meta["query"] == "correlation"
    assert meta["database"] == filled.url
    assert meta["mirror_at"].endswith("Z")
    assert meta["n_models"] == 2
    assert meta["left_out"] == {}
    assert meta["filters"] == {"sweep": ["a"]}
    assert meta["sensdb_version"] == __version__
    assert "digits, jacobian_norm, transitions: no correlation, 2 models and it needs 3." in meta["notes"]


@pytest.mark.parametrize("name", ["points_by_quantile", "point_auroc"])
def test_models_without_rows_of_test_points_are_said_to_have_none(name: str, study: Study) -> None:
    study.add({"seed": 0}, {"seed": 1})

    answer = study.ask(name)

    assert answer.rows == []
    assert answer.meta["notes"] == (
        "No rows of test points are stored for these models: their sweeps have `points: 0` under `measure`.",
    )


def test_passwords_are_masked_in_an_answer(postgresql_url: str, tmp_path: Path) -> None:
    url = sa.make_url(postgresql_url).set(password="canary")

    answer = ask(url.render_as_string(hide_password=False), tmp_path, "sweep_progress")

    assert "canary" not in repr(answer)
    assert "***" in answer.meta["database"]
    assert all(b"canary" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_without_a_sync_the_mirror_answers_as_it_is(filled: Study) -> None:
    before = filled.sql("select count(*) as n from v_models").rows
    filled.add({"width": 99})

    after = ask_sql(filled.url, filled.cache, "select count(*) as n from v_models", sync=False).rows

    assert after == before == [{"n": 3}]


def test_without_a_sync_and_without_a_mirror_there_is_no_answer(study: Study) -> None:
    with pytest.raises(DatabaseError, match=r"there is no mirror of sqlite:///.* in "):
        ask(study.url, study.cache, "sweep_progress", sync=False)


def test_a_file_that_was_replaced_meanwhile_is_looked_up_again(filled: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    import sensdb.analysis.ask as asking

    filled.sql("select 1 as one")
    stale = last_manifest(filled.url, filled.cache)[1]
    filled.add({"width": 99, "points": [{}]})
    filled.sql("select 1 as one")
    folder = filled.cache / "mirror" / stale.identity
    current = last_manifest(filled.url, filled.cache)[1]
    for file in stale.files - current.files:
        (folder / file).unlink()
    monkeypatch.setattr(asking, "sync_mirror", lambda *_, **__: stale)

    answer = filled.sql("select count(*) as n from v_models")

    assert answer.rows == [{"n": 4}]
    assert (folder / MANIFEST).exists()


def test_queries_are_listed_with_their_questions() -> None:
    listed = list_queries()

    assert [query.name for query in listed] == sorted(query.name for query in listed)
    assert all(query.question for query in listed)


ASK_EVERYTHING = """
import sys
import subprocess
import sys
from pathlib import Path
from sensdb.analysis.ask import ask, list_queries
for query in list_queries():
    ask(sys.argv[1], Path(sys.argv[2]), query.name).rows
heavy = ("pandas", "scipy", "matplotlib", "statsmodels", "sklearn", "torch", "alembic")
print([name for name in heavy if name in sys.modules])
"""


def test_answers_as_rows_import_nothing_heavy(filled: Study) -> None:
    filled.add({"width": 99, "points": [{}, {"correct": False}]})

    ended = subprocess.run(
        [sys.executable, "-c", ASK_EVERYTHING, filled.url, str(filled.cache)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.strip() == "[]"


def test_a_question_that_a_statistic_finishes_does_without_arrows_functions(filled: Study) -> None:
    filled.add({"width": 99, "points": [{}]})  # DuckDB needs them for a table without rows
    filled.ask("sweep_progress")  # brings the mirror up to date, which needs them too
    code = (
        "import sys; from pathlib import Path; from sensdb.analysis.ask import ask;"
        " ask(sys.argv[1], Path(sys.argv[2]), 'correlation', sync=False); print('pyarrow.compute' in sys.modules)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code, filled.url, str(filled.cache)], capture_output=True, text=True, check=True
    )

    assert ended.stdout.strip() == "False"


def test_questions_about_the_same_models_open_one_mirror_where_that_is_asked(
    filled: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    kept = reader.open_mirror
    monkeypatch.setattr(reader, "open_mirror", lambda *given: opened.append(given) or kept(*given))

    with one_mirror():
        first = filled.sql("select count(*) as n from v_models").rows
        filled.sql("select 1 as one")
        filled.sql("select 1 as one", Filters(dataset="digits"))
        filled.add({"width": 98})
        later = filled.sql("select count(*) as n from v_models").rows

    assert len(opened) == 3
    assert later[0]["n"] == first[0]["n"] + 1
    filled.sql("select 2 as two")
    assert len(opened) == 4
