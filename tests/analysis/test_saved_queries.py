"""Headers of query files: what they may say, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensdb.analysis.parameters import Parameter, guess, values
from sensdb.analysis.saved_queries import Column, find_query, load_queries, parameters_in, read_query
from sensdb.errors import QueryError, UsageError
from tests.analysis.conftest import Study

GOOD = """\
-- name: widths
-- question: Which widths
--   are there?
-- grain: width
-- parameters:
--   least   int = 1     [0, 100]  smallest width
--   labels  text = all  {true, all}
-- columns:
--   width     int   [1, inf)  units of a layer
--   n_models  int             models of that width
-- caution: none
select width::bigint as width, count(*) as n_models
from v_models
where width >= $least and ($labels = 'all' or label_noise = 0)
group by width
order by width
"""
KEYS = "name, question, grain, columns, parameters, then, caution, source"
STATISTICS = (
    "allowed: statistics.correlation, statistics.factor_pairs, statistics.pairs, statistics.point_auroc,"
    " statistics.axis_correlation, statistics.conditional_information, statistics.sign_error,"
    " statistics.partial_correlation, statistics.claim_contrasts, statistics.added_log_loss."
)
WRONG_COLUMN = "n_models  number             models of that width"
COLUMN_FORM = "name, type (int, real, text, bool, time), range if it has one, meaning."
WRONG_PARAMETER = "least   whole = 1     [0, 100]  smallest width"
PARAMETER_FORM = "name, type (int, real, text, bool, names), = default, range if it has one, meaning."


def write(folder: Path, text: str, name: str = "widths") -> Path:
    path = folder / f"{name}.sql"
    path.write_text(text)
    return path


def test_a_header_is_read(tmp_path: Path) -> None:
    query = read_query(write(tmp_path, GOOD))

    assert (query.name, query.question, query.grain) == ("widths", "Which widths are there?", "width")
    assert query.parameters == (
        Parameter("least", "int", 1, False, "[0, 100]", "smallest width"),
        Parameter("labels", "text", "all", False, "{true, all}", ""),
    )
    assert query.columns == (
        Column("width", "int", "[1, inf)", "units of a layer"),
        Column("n_models", "int", "", "models of that width"),
    )
    assert (query.then, query.caution, query.source) == (None, "none", "")
    assert query.sql.startswith("select width")


def test_a_users_folder_adds_queries_and_wins_over_ours(tmp_path: Path, study: Study) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("name: widths", "name: sweep_progress"), "sweep_progress")
    study.add({"width": 8}, {"width": 8, "seed": 1}, {"width": 4})

    answer = study.ask("widths", queries=tmp_path, least="5")

    assert answer.rows == [{"width": 8, "n_models": 2}]
    assert load_queries(tmp_path)["sweep_progress"].question == "Which widths are there?"
    assert load_queries()["sweep_progress"].question != "Which widths are there?"


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(QueryError) as caught:
        load_queries(tmp_path / "nowhere")

    assert caught.value.message == f"--queries: there is no folder {tmp_path / 'nowhere'}."


def test_an_unknown_query_has_a_nearest_match() -> None:
    with pytest.raises(QueryError) as caught:
        find_query(load_queries(), "corelation")

    assert caught.value.message == "no saved query 'corelation'."
    assert caught.value.hint == "did you mean 'correlation'? sensdb query lists all."


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("-- grain: width\n", "", ": the header has no 'grain'.", "it needs name, question, grain, columns."),
        (
            "-- grain:",
            "-- grian:",
            " line 4: 'grian' is no key of a query's header.",
            f"did you mean 'grain'? allowed: {KEYS}.",
        ),
        ("-- caution: none", "-- grain: again", " line 11: 'grain' stands twice in the header.", None),
        ("name: widths", "name: width", ": the name is 'width', the file's is 'widths'.", "they are one name."),
        ("n_models  int ", "n_models  number ", f" line 10: '{WRONG_COLUMN}' does not describe a column.", COLUMN_FORM),
        (
            "least   int = 1",
            "least   whole = 1",
            f" line 6: '{WRONG_PARAMETER}' does not declare a parameter.",
            PARAMETER_FORM,
        ),
        ("least   int = 1 ", "least   int = x ", " line 6: parameter least: 'x' is not a whole number.", None),
        ("least   int = 1 ", "least   int = 101 ", " line 6: parameter least: 101 is outside [0, 100].", None),
        (
            "-- caution: none",
            "-- then: statistics.corelation",
            ": 'statistics.corelation' does not finish a query.",
            f"did you mean 'statistics.correlation'? {STATISTICS}",
        ),
        ("-- caution: none", "-- then: os.system", ": 'os.system' does not finish a query.", STATISTICS),
    ],
)
def test_a_wrong_header_is_refused_by_line(old: str, new: str, message: str, hint: str | None, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace(old, new, 1))

    with pytest.raises(QueryError) as caught:
        read_query(path)

    assert caught.value.message == f"{path}{message}"
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        (
            "count(*) as n_models",
            "count(*) as n",
            "the query gives columns width, n.",
            "its header says width, n_models.",
        ),
        ("count(*) as n_models", "'x' as n_models", "column n_models is text.", "its header says int."),
        (
            "count(*) as n_models",
            "sum(width) as n_models",
            "column n_models is decimal128(38, 0).",
            "its header says int.",
        ),
    ],
)
def test_rows_that_are_not_as_the_header_says_are_refused(
    old: str, new: str, message: str, hint: str, tmp_path: Path, study: Study
) -> None:
    study.add({})
    path = write(tmp_path, GOOD.replace(old, new))

    with pytest.raises(QueryError) as caught:
        study.ask("widths", queries=tmp_path)

    assert (caught.value.message, caught.value.hint) == (f"{path}: {message}", hint)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("from v_models", "from v_modles", "there is no table or view v_modles."),
        ("select width::bigint", "copy (select 1) to 'x'; select width::bigint", "2 statements."),
        ("select width::bigint", "select $leats + width::bigint", "$leats is not declared."),
        ("from v_models", "from read_csv('/etc/passwd')", "files other than the mirror's are out of reach."),
    ],
)
def test_a_file_that_cannot_be_run_is_named(old: str, new: str, message: str, tmp_path: Path, study: Study) -> None:
    path = write(tmp_path, GOOD.replace(old, new))

    with pytest.raises(QueryError) as caught:
        study.ask("widths", queries=tmp_path)

    assert caught.value.message == f"{path}: {message}"


PARAMETERS = (
    Parameter("n", "int", 3, False, "[1, 10]"),
    Parameter("share", "real", 0.5),
    Parameter("labels", "text", "true", False, "{true, random, all}"),
    Parameter("exact", "bool", False),
    Parameter("metric", "names", ["a"]),
    Parameter("model", "int", None, True),
)


def test_text_and_python_values_mean_the_same() -> None:
    from_text = values(PARAMETERS, {"n": "4", "share": "1e-3", "exact": "yes", "metric": "a, b", "model": "7"})
    from_python = values(PARAMETERS, {"n": 4, "share": 0.001, "exact": True, "metric": ["a", "b"], "model": 7})

    assert from_text == from_python
    assert from_text == {"n": 4, "share": 0.001, "labels": "true", "exact": True, "metric": ["a", "b"], "model": 7}


def test_null_is_no_value() -> None:
    assert values(PARAMETERS, {"labels": "null", "model": "1"})["labels"] is None


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        (
            {"model": 1, "lables": "all"},
            "the query has no parameter 'lables'.",
            "did you mean 'labels'? parameters: n, share, labels, exact, metric, model.",
        ),
        ({}, "parameter model is missing.", "-p model=... gives it."),
        ({"model": "1.5"}, "parameter model: '1.5' is not a whole number.", None),
        ({"model": "x"}, "parameter model: 'x' is not a whole number.", None),
        ({"model": True}, "parameter model: True is not a whole number.", None),
        ({"model": 1, "n": 11}, "parameter n: 11 is outside [1, 10].", None),
        ({"model": 1, "share": "nan"}, "parameter share: 'nan' is not a number.", None),
        ({"model": 1, "exact": "maybe"}, "parameter exact: 'maybe' is not true or false.", None),
        (
            {"model": 1, "labels": "randon"},
            "parameter labels: 'randon' is not one of true, random, all.",
            "did you mean 'random'?",
        ),
        ({"model": 1, "metric": "a,,b"}, "parameter metric: 'a,,b' is not column names separated by commas.", None),
        ({"model": 1, "labels": 3}, "parameter labels: 3 is not text.", None),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_allowed(
    given: dict[str, object], message: str, hint: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        values(PARAMETERS, given)

    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_query_without_parameters_says_so() -> None:
    with pytest.raises(UsageError) as caught:
        values((), {"x": 1})

    assert (caught.value.message, caught.value.hint) == ("the query has no parameter 'x'.", "it takes none.")


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("-2", -2), ("1e-3", 0.001), ("true", True), ("null", None), ("mnist", "mnist"), ("inf", "inf")],
)
def test_parameters_of_free_sql_are_guessed(text: str, value: object) -> None:
    assert guess(text) == value


def test_parameters_are_found_outside_strings_and_comments() -> None:
    sql = "select $a, '$b', \"$c\", a$d -- $e\n/* $f */ where x = $g_1 and y = '''$h'"

    assert parameters_in(sql) == {"a", "g_1"}
