"""SQL of the user's own: it answers, and it can change nothing and read nothing but results."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from sensdb.errors import QueryError, UsageError
from tests.analysis.conftest import Study


def test_a_select_answers_with_plain_types(study: Study) -> None:
    study.add({"seed": 0}, {"seed": 1, "points": [{"jacobian_norm": 0.5}]})

    answer = study.sql(
        "select count(*) as n, sum(seed) as s, avg(seed) as a, max(nonlinearity) as t, bool_and(fitted) as b,"
        " max(created_at) as c, null::double as missing, 1.50::decimal(5, 2) as d from v_models"
    )

    (row,) = answer.rows
    assert isinstance(row.pop("c"), dt.datetime)
    assert row == {"n": 2, "s": 1, "a": 0.5, "t": "relu", "b": True, "missing": None, "d": 1.5}
    assert [column.type for column in answer.columns] == ["int", "int", "real", "text", "bool", "time", "real", "real"]


def test_a_sum_beyond_64_bits_becomes_a_real(study: Study) -> None:
    assert (
        study.sql("select sum(9007199254740992::hugeint * 1000000) as s from range(2)").rows[0]["s"]
        == 18014398509481984e6
    )


def test_columns_of_one_name_are_told_apart(study: Study) -> None:
    answer = study.sql("select 1 as a, 2 as a, 3 as a_1, 4 as a")

    assert answer.rows == [{"a": 1, "a_2": 2, "a_1": 3, "a_3": 4}]


def test_what_is_not_finite_is_missing(study: Study) -> None:
    (row,) = study.sql("select 'nan'::double as a, 'inf'::float as b, corr(1, seed) as c from range(3) t(seed)").rows

    assert row == {"a": None, "b": None, "c": None}


@pytest.mark.parametrize(
    "text",
    [
        "select 1 as x",
        "SELECT 1 AS x;",
        "-- one\nselect 1 as x",
        "from (values (1)) t(x)",
        "with t as (select 1 as x) select x from t",
        "(select 1 as x)",
    ],
)
def test_forms_of_one_select_are_taken(text: str, study: Study) -> None:
    assert study.sql(text).rows == [{"x": 1}]


@pytest.mark.parametrize(
    "text",
    [
        "explain select * from v_models",
        "EXPLAIN ANALYZE select 1",
        "explain (analyze) select 1",
        "/* why */ explain select 1",
    ],
)
def test_explain_is_taken(text: str, study: Study) -> None:
    assert study.sql(text).table.num_rows >= 1


def test_parameters_are_bound(study: Study) -> None:
    study.add({"width": 8}, {"width": 16})

    answer = study.sql("select width from v_models where width > $least and nonlinearity = $n", least=8, n="relu")

    assert answer.rows == [{"width": 16}]


def test_a_parameter_is_a_value_whatever_it_says(study: Study) -> None:
    study.add({})

    assert study.sql("select model_id from v_models where nonlinearity = $n", n="x' or '1'='1").rows == []


@pytest.mark.parametrize(
    ("parameters", "message", "hint"),
    [
        ({}, "--sql: $least has no value.", "-p least=... gives it."),
        ({"least": 1, "lest": 2}, "--sql: there is no $lest in the text.", "did you mean 'least'? it has $least."),
    ],
)
def test_parameters_must_fit(parameters: dict[str, int], message: str, hint: str, study: Study) -> None:
    with pytest.raises(UsageError) as caught:
        study.sql("select 1 as x where 1 > $least", **parameters)

    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("insert into models values (1)", "INSERT"),
        ("update models set seed = 1", "UPDATE"),
        ("delete from models", "DELETE"),
        ("drop table models", "DROP"),
        ("create table t (a int)", "CREATE"),
        ("create view v as select 1", "CREATE"),
        ("alter table models add column x int", "ALTER"),
        ("copy models to '{file}'", "COPY"),
        ("copy models from '{file}'", "COPY"),
        ("copy (select 1) to '{file}' (format parquet)", "COPY"),
        ("export database '{file}'", "EXPORT"),
        ("attach '{file}'", "ATTACH"),
        ("install sqlite", "LOAD"),
        ("load sqlite", "LOAD"),
        ("pragma database_list", "PRAGMA"),
        ("set lock_configuration = false", "SET"),
        ("reset enable_external_access", "SET"),
        ("call pragma_version()", "CALL"),
        ("checkpoint", "CALL"),
        ("vacuum", "VACUUM"),
        ("begin", "TRANSACTION"),
        ("commit", "TRANSACTION"),
        ("prepare p as select 1", "PREPARE"),
        ("use memory", "SET"),
        ("explain analyze copy (select 1) to '{file}'", "COPY"),
        ("explain (analyze) delete from models", "DELETE"),
        ("/**/ explain insert into models values (1)", "INSERT"),
    ],
)
def test_everything_but_a_select_is_refused(text: str, kind: str, study: Study, tmp_path: Path) -> None:
    file = tmp_path / "written"

    with pytest.raises(QueryError) as caught:
        study.sql(text.format(file=file))

    assert caught.value.message == f"--sql: {kind} is refused."
    assert caught.value.hint == "allowed: one SELECT, or EXPLAIN of one."
    assert not file.exists()


@pytest.mark.parametrize(
    "text",
    [
        "with x as (insert into models select * from models returning *) select * from x",
        "with x as (delete from models returning model_id) select * from x",
        "with x as (update models set seed = 7 returning model_id) select * from x",
    ],
)
def test_a_write_within_a_select_is_refused(text: str, study: Study) -> None:
    study.add({})

    with pytest.raises(QueryError, match="read-only"):
        study.sql(text)


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from read_blob('{database}')",
        "select * from read_parquet('{models}')",
        "select * from glob('/etc/*')",
        "select * from read_json('https://example.org/x.json')",
        "select * from parquet_metadata('{models}')",
        "with x as (copy (select 1) to '{file}') select * from x",
        "with x as (copy (select 1) to '{points}' (format parquet)) select * from x",
    ],
)
def test_other_files_are_out_of_reach(text: str, study: Study, tmp_path: Path) -> None:
    study.add({"points": [{}]})
    study.sql("select 1 as one")
    places = {path.name.partition("-")[0]: path for path in study.cache.rglob("*.parquet")}
    points = places["points"].read_bytes()
    text = text.format(database=study.url[10:], models=places["models"], points=places["points"], file=tmp_path / "w")

    with pytest.raises(QueryError):
        study.sql(text)

    assert not (tmp_path / "w").exists()
    assert places["points"].read_bytes() == points


def test_a_refused_file_is_explained(study: Study) -> None:
    with pytest.raises(QueryError) as caught:
        study.sql("select * from read_csv('/etc/passwd')")

    assert caught.value.message == "--sql: files other than the mirror's are out of reach."
    assert caught.value.hint == "-o FILE writes the answer to a file."


def test_python_variables_are_no_tables(study: Study) -> None:
    import pandas as pd

    secret = pd.DataFrame({"a": [1]})

    with pytest.raises(QueryError, match="there is no table or view secret"):
        study.sql("select * from secret")
    assert len(secret) == 1


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("select * from v_modles", "--sql: there is no table or view v_modles.", "did you mean 'v_models'? views: v_"),
        ("select 1; select 2", "--sql: 2 statements.", "allowed: one SELECT, or EXPLAIN of one."),
        ("", "--sql: 0 statements.", "allowed: one SELECT, or EXPLAIN of one."),
        ("-- nothing", "--sql: 0 statements.", "allowed: one SELECT, or EXPLAIN of one."),
        ("selec 1", '--sql: Parser Error: syntax error at or near "selec"', "the table data_dictionary"),
        ("pivot v_models on nonlinearity", "--sql: MULTI is refused.", "PIVOT needs its values: on column in (...)."),
    ],
)
def test_a_text_duckdb_cannot_run_is_explained(text: str, message: str, hint: str, study: Study) -> None:
    with pytest.raises(QueryError) as caught:
        study.sql(text)

    assert caught.value.message == message
    assert str(caught.value.hint).startswith(hint)


def test_a_misspelt_column_gets_duckdbs_candidates(study: Study) -> None:
    with pytest.raises(QueryError) as caught:
        study.sql("select widht from v_models")

    assert "widht" in caught.value.message
    assert "width" in str(caught.value.hint)
