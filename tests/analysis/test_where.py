"""Conditions of --where: what they mean, and that nothing but values and known columns gets into SQL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensdb.analysis.where import FORM, parse_where
from sensdb.errors import QueryError
from tests.analysis.conftest import Study

COLUMNS = {
    "width": "int",
    "seed": "int",
    "learning_rate": "real",
    "jacobian_norm_mean": "real",
    "jacobian_norm_q05": "real",
    "nonlinearity": "text",
    "fitted": "bool",
    "created_at": "time",
}


@pytest.mark.parametrize(
    ("text", "sql", "values"),
    [
        ("width >= 100", '"width" >= ?', (100,)),
        ("width==100", '"width" = ?', (100,)),
        ("learning_rate < 1e-3", '"learning_rate" < ?', (0.001,)),
        ("learning_rate > -.5", '"learning_rate" > ?', (-0.5,)),
        ("nonlinearity = relu", '"nonlinearity" = ?', ("relu",)),
        ("nonlinearity != 'hard ''tanh'", '"nonlinearity" <> ?', ("hard 'tanh",)),
        ('nonlinearity <> "relu"', '"nonlinearity" <> ?', ("relu",)),
        ("nonlinearity in (relu, 'tanh')", '"nonlinearity" IN (?, ?)', ("relu", "tanh")),
        ("width not in [1, 2]", '"width" NOT IN (?, ?)', (1, 2)),
        ("width is null", '"width" IS NULL', ()),
        ("width is not null", '"width" IS NOT NULL', ()),
        ("fitted = true", '"fitted" = ?', (True,)),
        ("fitted = 0", '"fitted" = ?', (False,)),
        ("seed < width", '"seed" < "width"', ()),
        ("width = 1 and seed = 2 or seed = 3", '(("width" = ? AND "seed" = ?) OR "seed" = ?)', (1, 2, 3)),
        ("not (width = 1 or seed = 2)", '(NOT (("width" = ? OR "seed" = ?)))', (1, 2)),
        ("created_at > '2026-01-31'", '"created_at" > CAST(? AS TIMESTAMPTZ)', ("2026-01-31",)),
    ],
)
def test_a_condition_becomes_sql_with_its_values_apart(text: str, sql: str, values: tuple[object, ...]) -> None:
    condition = parse_where(text, COLUMNS)

    assert (condition.sql, condition.values) == (sql, values)


def test_the_columns_of_a_condition_are_known() -> None:
    assert parse_where("width > seed and fitted = true", COLUMNS).columns == {"width", "seed", "fitted"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "a column is missing"),
        ("width", "a comparison is expected after width"),
        ("width >", "a value is missing"),
        ("width > )", "a value is expected, not ')'"),
        ("width = 1 seed = 2", "'seed' is not expected"),
        ("(width = 1", "a ) is missing"),
        ("width in 1", "( is expected after 'in'"),
        ("width in (1, 2", "a ) is missing"),
        ("width is 3", "null is expected after 'is'"),
        ("width not 3", "a comparison is expected after width"),
        ("3 < width", "a column is expected, not '3'"),
        ("width = 1; drop table models", "';' is not understood"),
        ("width = wide", "width is a number, not 'wide'"),
        ("fitted = perhaps", "fitted is true or false, not 'perhaps'"),
        ("width = nonlinearity", "width is int and nonlinearity is text"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(text: str, what: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_where(text, COLUMNS)

    assert caught.value.message == f"--where: {what} in {text!r}."
    assert caught.value.hint == FORM


def test_an_unknown_column_has_the_mean_as_nearest_match() -> None:
    with pytest.raises(QueryError) as caught:
        parse_where("jacobian_nrm > 1", COLUMNS)

    assert caught.value.message == "--where: no column 'jacobian_nrm' in v_models."
    assert caught.value.hint == ("did you mean 'jacobian_norm_mean'? The table data_dictionary lists all, with units.")


def test_a_column_like_none_has_no_nearest_match() -> None:
    with pytest.raises(QueryError) as caught:
        parse_where("zzz > 1", COLUMNS)

    assert caught.value.hint == "the table data_dictionary lists all, with units."


@given(st.text(alphabet=st.sampled_from("width seed=<>!()[],'\"1.e-;*$?\\/ and or not in"), max_size=30))
def test_whatever_is_written_only_columns_signs_and_marks_reach_sql(text: str) -> None:
    try:
        condition = parse_where(text, COLUMNS)
    except QueryError:
        return
    rest = condition.sql
    for column in COLUMNS:
        rest = rest.replace(f'"{column}"', "")
    words = {word.strip("(),") for word in rest.split()}
    assert words <= {"", "?", "=", "<>", "<", "<=", ">", ">=", "AND", "OR", "NOT", "IN", "IS", "NULL", "?,"}


def test_a_text_that_looks_like_sql_is_only_compared(study: Study) -> None:
    study.add({})

    answer = study.ask("configurations", where="nonlinearity = 'x'' or 1=1 --'")

    assert answer.rows == []
