"""`sensdb query`: streams, formats, filters, SQL of one's own, and what is said when something is wrong."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import duckdb
import pytest

from sensdb.analysis.saved_queries import load_queries
from tests.cli.running import Here, run_apart, run_on_terminal
from tests.cli.study import N_MODELS, N_POINTS, finish_jobs, write_sweep

TEXT_FORMATS = ("table", "csv", "tsv", "json", "jsonl", "markdown")


@pytest.fixture(autouse=True)
def results(finished_tiny: Path, folder: Path) -> None:
    """All models of the sweep tiny with made-up results, in sqlite:///sensdb.db."""
    shutil.copyfile(finished_tiny, folder / "sensdb.db")
    write_sweep(folder)


def rows_of(out: str, name: str) -> list[list[str]]:
    """Rows of an output as texts, header first; for formats that keep texts apart by one sign."""
    if name in ("csv", "tsv"):
        return list(csv.reader(io.StringIO(out), delimiter="," if name == "csv" else "\t"))
    if name == "markdown":
        lines = [line for line in out.splitlines() if not line.startswith("|---")]
        return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    raise ValueError(name)


@pytest.mark.parametrize("name", sorted(load_queries()))
def test_every_saved_query_gives_the_columns_of_its_header_on_stdout(sensdb: Here, name):
    ran = sensdb("query", name, "-f", "csv")

    declared = [column.name for column in load_queries()[name].columns]
    assert ran.code == 0
    assert rows_of(ran.out, "csv")[0] == declared


@pytest.mark.parametrize("name", sorted(load_queries()))
def test_every_saved_query_answers_an_empty_database(sensdb: Here, name):
    sensdb("--database", "sqlite:///empty.db", "init")

    ran = sensdb("--database", "sqlite:///empty.db", "query", name, "-f", "json")

    assert (ran.code, ran.out) == (0, "[]\n")


@pytest.mark.parametrize(
    ("database", "filters", "reason"),
    [
        ("empty", (), "none is trained yet; sensdb status shows the queue."),
        ("sensdb", ("--where", "width = 999"), "no trained model meets --sweep, --dataset and --where."),
    ],
)
def test_an_answer_of_no_model_says_why(sensdb: Here, database, filters, reason):
    sensdb("--database", "sqlite:///empty.db", "init")

    ran = sensdb("--database", f"sqlite:///{database}.db", "query", "correlation", *filters)

    assert ran.err == f"0 models used: {reason}\n"


def test_no_name_lists_all_with_their_question(sensdb: Here):
    rows = json.loads(sensdb("query", "-f", "json").out)

    assert {row["query"]: row["question"] for row in rows} == {q.name: q.question for q in load_queries().values()}


def test_the_list_needs_no_database(sensdb: Here):
    assert sensdb("--database", "nonsense", "query").code == 0


def test_stdout_holds_the_rows_alone_and_stderr_what_was_left_out(sensdb: Here):
    ran = sensdb("query", "correlation", "-f", "json")

    assert json.loads(ran.out)[0]["n_models"] == 6
    assert ran.err.startswith("6 models used; left out: 3 random labels.\n")


def test_every_format_has_the_same_rows_columns_and_order(sensdb: Here):
    question = ["query", "--sql", "select model_id, width, dataset from v_models order by model_id"]
    expected = [[str(value) for value in row.values()] for row in json.loads(sensdb(*question, "-f", "json").out)]

    for name in ("csv", "tsv", "markdown"):
        assert rows_of(sensdb(*question, "-f", name).out, name) == [["model_id", "width", "dataset"], *expected]
    lines = [json.loads(line) for line in sensdb(*question, "-f", "jsonl").out.splitlines()]
    assert [[str(value) for value in row.values()] for row in lines] == expected
    assert [line.split() for line in sensdb(*question, "-f", "table").out.splitlines()[1:]] == expected


def test_parquet_has_the_same_rows_with_their_types(sensdb: Here):
    ran = sensdb("query", "correlation", "-o", "answer.parquet")

    rows = duckdb.sql("select metric, n_models, spearman from 'answer.parquet'").fetchall()
    shown = json.loads(sensdb("query", "correlation", "-f", "json").out)
    assert "wrote 5 rows to answer.parquet\n" in ran.err
    assert rows == [(row["metric"], row["n_models"], row["spearman"]) for row in shown]


def test_a_terminal_gets_a_table_and_a_pipe_csv():
    question = ("query", "--sql", "select 1 as one, 'x' as two")

    assert run_on_terminal(*question).out == "one  two\n  1  x\n"
    assert run_apart(*question).out == "one,two\n1,x\n"


def test_the_same_question_gives_the_same_bytes(sensdb: Here):
    question = ["query", "point_auroc", "-f", "csv"]

    assert sensdb(*question).out == sensdb(*question).out


def test_numbers_are_written_in_full(sensdb: Here):
    ran = sensdb("query", "--sql", "select 1.23e-12 as small, 1/3::double as third", "-f", "json")

    assert json.loads(ran.out) == [{"small": 1.23e-12, "third": 1 / 3}]


def test_a_number_that_does_not_exist_is_missing(sensdb: Here):
    question = ["query", "--sql", "select 'nan'::double as x, corr(1, 2) as y, null as z"]

    assert sensdb(*question, "-f", "json").out == '[{"x": null, "y": null, "z": null}]\n'
    assert sensdb(*question, "-f", "csv").out == "x,y,z\n,,\n"


def test_the_verdict_is_25_rows_and_two_sentences_on_stderr(sensdb: Here):
    ran = sensdb("query", "verdict", "-f", "json")

    rows = json.loads(ran.out)
    assert [row["claim"] for row in rows] == list(range(1, 26))
    assert all(row["status"] and row["statement"] for row in rows)
    assert all(row["number"] is not None or row["remarks"] for row in rows)
    (said,) = [line for line in ran.err.splitlines() if line.startswith("Of the paper's 18 claims the data leave: ")]
    assert said.count(". ") == 1


def test_limit_is_the_user_s_and_stderr_says_how_many_there_were(sensdb: Here):
    ran = sensdb("query", "--sql", "select model_id from v_models order by model_id", "--limit", "2", "-f", "csv")

    assert (ran.out, ran.err) == ("model_id\n1\n2\n", f"2 of {N_MODELS} rows (--limit).\n")


def test_all_rows_come_where_no_limit_is_given(sensdb: Here):
    out = sensdb("query", "--sql", "select * from v_points", "-f", "csv").out

    assert len(out.splitlines()) == 1 + N_MODELS * N_POINTS


def test_sql_comes_from_stdin_too():
    assert run_apart("query", "--sql", "-", text_in="select 2 as two").out == "two\n2\n"


def test_a_parameter_is_bound_and_never_pasted(sensdb: Here):
    ran = sensdb("query", "--sql", "select $word as word", "-p", "word='; drop table models --", "-f", "json")

    assert json.loads(ran.out) == [{"word": "'; drop table models --"}]


def test_filters_choose_models(sensdb: Here):
    count = ["query", "--sql", "select count(*) as n from v_models", "-f", "csv"]

    assert sensdb(*count, "--sweep", "tiny").out == f"n\n{N_MODELS}\n"
    assert sensdb(*count, "--where", "hidden_layers = 2").out == "n\n3\n"
    assert sensdb(*count, "--dataset", "mnist").out == "n\n0\n"


def test_a_parameter_of_a_saved_query_changes_its_answer(sensdb: Here):
    rows = json.loads(sensdb("query", "points_by_quantile", "-p", "quantiles=2", "-f", "json").out)

    assert [row["quantile"] for row in rows] == [1, 2]


def test_new_results_are_seen_unless_no_sync_is_given(sensdb: Here, folder: Path):
    count = ["query", "--sql", "select count(*) as n from v_models", "-f", "csv"]
    sensdb(*count)
    sensdb("delete", "--sweep", "tiny", "--yes")

    assert sensdb(*count, "--no-sync").out == f"n\n{N_MODELS}\n"
    assert sensdb(*count).out == "n\n0\n"


def test_meta_says_what_the_answer_is_made_of(sensdb: Here):
    ran = sensdb("query", "correlation", "--meta", "-f", "json")

    told = dict(line.split(": ", 1) for line in ran.err.splitlines())
    assert json.loads(ran.out)
    assert told["query"] == "correlation"
    assert told["database"] == "sqlite:///sensdb.db"
    assert json.loads(told["left_out"]) == {"random labels": 3}
    assert told["mirror_at"].endswith("Z")


def test_a_folder_of_one_s_own_queries(sensdb: Here, folder: Path):
    (folder / "mine").mkdir()
    (folder / "mine" / "how_many.sql").write_text(
        "-- name: how_many\n-- question: How many models are there?\n-- grain: all\n"
        "-- columns:\n--   n  int  [0, inf)  models\nselect count(*) as n from v_models\n",
        encoding="utf-8",
    )

    assert sensdb("query", "how_many", "--queries", "mine", "-f", "csv").out == f"n\n{N_MODELS}\n"


def test_help_of_a_query_shows_its_parameters_and_columns(sensdb: Here):
    ran = sensdb("query", "points_by_quantile", "--help")

    assert (ran.code, ran.err) == (0, "")
    assert "Parameters (-p NAME=VALUE):\n  quantiles " in ran.out
    assert "jacobian_norm_mean" in ran.out
    assert "--sweep NAME" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["corelation"], 1, "Error: no saved query 'corelation'.\nHint: did you mean 'correlation'?"),
        (["corelation", "--help"], 1, "Error: no saved query 'corelation'.\nHint: did you mean 'correlation'?"),
        (["correlation", "-p", "label=all"], 2, "Error: the query has no parameter 'label'.\nHint: did you mean 'l"),
        (["correlation", "-p", "labels=tru"], 2, "Error: parameter labels: 'tru' is not one of true, random, all.\n"),
        (["correlation", "-p", "labels"], 2, "Error: -p: 'labels' is not of the form NAME=VALUE.\n"),
        (["correlation", "--where", "jacobian_nrm > 1"], 1, "Error: --where: no column 'jacobian_nrm' in v_models.\nH"),
        (["correlation", "--sweep", "tinny"], 1, "Error: there is no sweep 'tinny'.\nHint: did you mean 'tiny'?"),
        (["correlation", "--sql", "select 1"], 2, "Error: query correlation and --sql are two questions.\n"),
        (["--sql", "drop table models"], 1, "Error: --sql: DROP is refused.\nHint: allowed: one SELECT, or EXPLAIN"),
        (["--sql", "select * from v_modles"], 1, "Error: --sql: there is no table or view v_modles.\nHint: did you"),
        (["--sql", "select * from read_csv('/etc/passwd')"], 1, "Error: --sql: files other than the mirror's are"),
        (["--sql", "copy (select 1) to 'x.csv'"], 1, "Error: --sql: COPY is refused.\n"),
        (["correlation", "-o", "x.json", "-f", "csv"], 2, "Error: -o x.json means json, -f says csv.\n"),
    ],
)  # fmt: skip
def test_a_mistake_gets_its_own_message(sensdb: Here, arguments, code, message):
    ran = sensdb("query", *arguments)

    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(message)


def test_a_query_works_on_both_databases(sensdb: Here, folder: Path, database_url: str):
    sensdb("--database", database_url, "enqueue", "tiny.yaml")
    finish_jobs(database_url)

    rows = json.loads(sensdb("--database", database_url, "query", "sweep_progress", "-f", "json").out)

    assert (rows[0]["sweep"], rows[0]["done"]) == ("tiny", N_MODELS)
