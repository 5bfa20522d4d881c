"""The seven formats: what is written reads back equal, and nothing but the table is rounded or cut."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensdb.cli.formats import csv_lines, json_array, json_lines, markdown_lines, significant, table_lines, tsv_lines
from sensdb.cli.grid import BLOCK_ROWS, Grid
from sensdb.cli.output import FORMATS, Output
from sensdb.errors import SensdbError, UsageError

COLUMNS = ["n", "x", "text", "flag"]
SPECIAL = "a1 ,;\t\"'\n\r\\|-é日😀"  # every character that some format treats in its own way
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | st.integers(-(2**53), 2**53),
            "x": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "text": st.none() | st.text(SPECIAL, max_size=6),
            "flag": st.none() | st.booleans(),
        }
    ),
    max_size=5,
)


def read_separated(path: Path, separator: str) -> list[dict[str, object]]:
    """Rows as DuckDB reads them, telling a bare empty field from a quoted one."""
    relation = duckdb.execute(
        "select * from read_csv($path, delim = $separator, header = true, all_varchar = true, quote = '\"',"
        " escape = '\"', nullstr = '', allow_quoted_nulls = false, auto_detect = false, new_line = '\\n',"
        " columns = {'n': 'VARCHAR', 'x': 'VARCHAR', 'text': 'VARCHAR', 'flag': 'VARCHAR'})",
        {"path": str(path), "separator": separator},
    )
    return [dict(zip(COLUMNS, row, strict=True)) for row in relation.fetchall()]


def typed(row: dict[str, object]) -> dict[str, object]:
    """A row of texts with the types that the columns had."""
    kinds = {"n": int, "x": float, "text": str, "flag": lambda text: text == "true"}
    return {name: None if row[name] is None else kinds[name](row[name]) for name in COLUMNS}


@settings(deadline=None)
@given(rows=ROWS)
@pytest.mark.parametrize(("encode", "separator"), [(csv_lines, ","), (tsv_lines, "\t")])
def test_separated_text_reads_back_equal_missing_and_empty_apart(tmp_path_factory, encode, separator, rows):
    path = tmp_path_factory.mktemp("separated") / "rows"

    path.write_text("".join(encode(Grid(rows, COLUMNS))), encoding="utf-8", newline="")

    assert [typed(row) for row in read_separated(path, separator)] == rows


@settings(deadline=None)
@given(rows=ROWS)
def test_json_reads_back_equal(rows):
    assert json.loads("".join(json_array(Grid(rows, COLUMNS)))) == rows


@settings(deadline=None)
@given(rows=ROWS)
def test_json_lines_read_back_equal(rows):
    text = "".join(json_lines(Grid(rows, COLUMNS)))

    assert [json.loads(line) for line in text.split("\n")[:-1]] == rows


@settings(deadline=None)
@given(rows=ROWS.filter(bool))
def test_parquet_reads_back_equal(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("parquet") / "rows.parquet"

    Output("parquet", path).write(rows, COLUMNS)

    assert duckdb.execute("select * from read_parquet($1)", [str(path)]).fetchall() == [
        tuple(row[name] for name in COLUMNS) for row in rows
    ]


@settings(deadline=None)
@given(x=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_four_byte_real_is_written_by_the_shortest_text_that_reads_back_equal(x):
    frame = pd.DataFrame({"x": np.array([x], dtype=np.float32)})

    text = list(csv_lines(Grid(frame)))[1]

    assert np.float32(text) == np.float32(x)
    assert len(Decimal(text).normalize().as_tuple().digits) <= 9  # what a 4-byte real needs at most


@pytest.mark.parametrize("value", [1.23e-12, 5.0e-9, 0.1, 1 / 3, 1e300])
def test_no_machine_format_rounds_a_small_number_away(value):
    grid = Grid([{"x": value}])

    assert json.loads("".join(json_array(grid))) == [{"x": value}]
    assert float(list(csv_lines(grid))[1]) == value
    assert float(list(markdown_lines(grid))[2].strip("| \n")) == value


def frame_of_every_kind() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "whole": pd.array([1, None], dtype="Int64"),
            "real": [0.5, math.nan],
            "text": ["a", None],
            "flag": pd.array([True, None], dtype="boolean"),
            "at": pd.to_datetime(["2026-01-31T09:30:00Z", None]),
        }
    )


def test_missing_is_null_in_json_whatever_the_dtype():
    first, second = json.loads("".join(json_array(Grid(frame_of_every_kind()))))

    assert first == {"whole": 1, "real": 0.5, "text": "a", "flag": True, "at": "2026-01-31T09:30:00Z"}
    assert set(second.values()) == {None}


def test_missing_is_a_bare_empty_field_in_csv_and_a_dash_in_the_table():
    grid = Grid(frame_of_every_kind())

    assert list(csv_lines(grid))[2] == ",,,,\n"
    assert table_lines(grid)[2].split() == ["-"] * 5


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()], ids=str)
def test_nan_in_an_arrow_table_is_missing_too(kind: pa.DataType):
    values = pa.array(np.array([0.5, np.nan]), type=pa.float64()).cast(kind)
    grid = Grid(pa.table({"x": values, "n": pa.array([1, 2])}))

    assert "".join(csv_lines(grid)) == "x,n\n0.5,1\n,2\n"
    assert "".join(json_lines(grid)) == '{"x": 0.5, "n": 1}\n{"x": null, "n": 2}\n'


def test_times_are_utc_with_z_whatever_their_zone():
    at = datetime(2026, 1, 31, 12, 30, tzinfo=timezone(timedelta(hours=3)))

    grid = Grid([{"at": at}, {"at": datetime(2026, 1, 31, 9, 30, tzinfo=UTC)}])

    assert list(grid) == [("2026-01-31T09:30:00Z",), ("2026-01-31T09:30:00Z",)]


def test_an_infinite_number_is_an_error_in_json_and_text_in_csv():
    grid = Grid([{"x": math.inf}])

    assert list(csv_lines(grid))[1] == "inf\n"
    with pytest.raises(SensdbError, match="JSON cannot hold an infinite number, and a column has one"):
        list(json_array(grid))


def test_an_arrow_table_a_frame_and_a_list_give_the_same_text():
    rows = [{"n": 1, "x": 0.5, "text": "", "flag": True}, {"n": 2, "x": None, "text": None, "flag": False}]

    texts = {"".join(csv_lines(Grid(source))) for source in (rows, pa.Table.from_pylist(rows), pd.DataFrame(rows))}

    assert texts == {'n,x,text,flag\n1,0.5,"",true\n2,,,false\n'}


def test_a_frame_longer_than_a_block_is_written_whole():
    frame = pd.DataFrame({"n": range(2 * BLOCK_ROWS + 1)})

    assert [int(line) for line in list(csv_lines(Grid(frame)))[1:]] == list(range(2 * BLOCK_ROWS + 1))


@pytest.mark.parametrize(
    ("encode", "text"),
    [
        (csv_lines, "a,b\n"),
        (tsv_lines, "a\tb\n"),
        (json_array, "[]\n"),
        (json_lines, ""),
        (markdown_lines, "| a | b |\n|---|---|\n"),
        (table_lines, "a  b\n"),
    ],
)
def test_no_rows_are_an_empty_result_in_every_format(encode, text):
    assert "".join(encode(Grid([], ["a", "b"]))) == text
    assert "".join(encode(Grid(pd.DataFrame({"a": [], "b": []})))) == text


def test_no_rows_are_an_empty_parquet_file_with_its_columns(tmp_path: Path):
    Output("parquet", tmp_path / "none.parquet").write([], ["a", "b"])

    assert list(pd.read_parquet(tmp_path / "none.parquet").columns) == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(5e-9, "5e-09"), (0.123456, "0.1235"), (12345.6, "12346"), (1234567.0, "1.235e+06"), (-2.0, "-2"), (0.0, "0")],
)
def test_the_table_shows_four_significant_digits(value, text):
    assert significant(value) == text


def test_the_table_shows_whole_numbers_in_full():
    assert table_lines(Grid([{"model_id": 123456789}]))[1] == "123456789\n"


def test_the_table_puts_numbers_to_the_right_and_text_to_the_left():
    rows = [{"name": "a", "n": 1}, {"name": "long", "n": 1000}]

    assert table_lines(Grid(rows)) == ["name     n\n", "a        1\n", "long  1000\n"]


def test_the_table_shows_control_characters_instead_of_obeying_them():
    lines = table_lines(Grid([{"name": "a\nb\x1b[31m"}]))

    assert lines[1] == "a\\nb\\x1b[31m\n"


def test_wide_characters_take_two_columns():
    lines = table_lines(Grid([{"name": "日本", "x": 1}, {"name": "abcd", "x": 2}]))

    assert lines[1:] == ["日本  1\n", "abcd  2\n"]


def test_off_a_terminal_the_table_is_never_cut():
    assert table_lines(Grid([{"text": "x" * 500, "n": 1}]))[1].startswith("x" * 500)


def test_on_a_narrow_terminal_long_text_is_cut_visibly():
    notes: list[str] = []
    rows = [{"text": "x" * 100, "n": 1}, {"text": "y", "n": 2}]

    lines = table_lines(Grid(rows), width=40, note=notes.append)

    assert max(map(len, lines)) <= 41
    assert lines[1] == "x" * 36 + "…  1\n"
    assert notes == ["… long text cut; -f csv shows everything."]


def test_on_a_narrow_terminal_columns_that_do_not_fit_are_counted():
    notes: list[str] = []
    rows = [{f"column_{i}": i for i in range(10)} for _ in range(2)]

    lines = table_lines(Grid(rows), width=40, note=notes.append)

    assert lines[0] == "column_0  column_1  column_2  column_3\n"
    assert notes == ["… 4 of 10 columns; -f csv shows everything."]


def test_one_row_too_wide_for_the_terminal_stands_upright():
    lines = table_lines(Grid([{f"column_{i}": i for i in range(10)}]), width=40)

    assert lines[:2] == ["column_0  0\n", "column_1  1\n"]
    assert len(lines) == 10


def test_markdown_escapes_pipes_and_line_breaks():
    assert list(markdown_lines(Grid([{"a": "x|y\nz"}])))[2] == "| x\\|y<br>z |\n"


@pytest.mark.parametrize(
    ("suffix", "name"),
    [(".csv", "csv"), (".tsv", "tsv"), (".json", "json"), (".jsonl", "jsonl"), (".md", "markdown"), (".CSV", "csv")],
)
def test_the_suffix_of_o_chooses_the_format(suffix, name):
    assert Output.choose(None, f"rows{suffix}").format == name


def test_a_dash_is_stdout():
    assert Output.choose("csv", "-").path is None


def test_f_and_a_different_suffix_are_a_usage_error():
    with pytest.raises(UsageError, match=r"^-o rows.json means json, -f says csv\.$"):
        Output.choose("csv", "rows.json")


def test_a_suffix_of_no_format_needs_f():
    with pytest.raises(UsageError, match=r"^-o rows\.txt: no format has this suffix; allowed: \.csv, \.tsv, \.json"):
        Output.choose(None, "rows.txt")
    assert Output.choose("table", "rows.txt").format == "table"


def test_every_format_goes_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in FORMATS:
        path = tmp_path / f"rows-{name}"
        Output(name, path).write([{"a": 1}])
        assert path.stat().st_size > 0

    assert capsys.readouterr().out == ""


def test_a_written_file_is_announced_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    Output("csv", tmp_path / "one.csv").write([{"a": 1}])
    Output("csv", tmp_path / "two.csv").write([{"a": 1}, {"a": 2}])

    err = capsys.readouterr().err
    assert err == f"wrote 1 row to {tmp_path}/one.csv\nwrote 2 rows to {tmp_path}/two.csv\n"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "rows.json"
    path.write_text("old", encoding="utf-8")

    with pytest.raises(SensdbError):
        Output("json", path).write([{"x": 1.0}, {"x": math.inf}])

    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.glob("*rows*")) == [path]


def test_a_link_stays_a_link_to_the_written_file(tmp_path: Path):
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "rows.csv")

    Output("csv", link).write([{"a": 1}])

    assert link.is_symlink()
    assert (tmp_path / "rows.csv").read_text(encoding="utf-8") == "a\n1\n"


def test_a_device_is_written_to_and_never_replaced(tmp_path: Path):
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)

    with subprocess.Popen(["cat", str(fifo)], stdout=subprocess.PIPE, text=True) as reader:
        Output("csv", fifo).write([{"a": 1}])
        out, _ = reader.communicate(timeout=60)

    assert out == "a\n1\n"
    assert fifo.is_fifo()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(SensdbError, match=r"no/rows\.csv cannot be written: No such file or directory\.$"):
        Output("csv", tmp_path / "no" / "rows.csv").write([{"a": 1}])


def test_parquet_goes_through_a_pipe():
    code = "from sensdb.cli.output import Output; Output('parquet').write([{'a': 1}])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert done.stdout[:4] == b"PAR1"


def test_limit_says_how_many_there_were(capsys: pytest.CaptureFixture[str]):
    Output("csv").write([{"a": 1}], n_all=30)

    assert capsys.readouterr().err == "1 of 30 rows (--limit).\n"
