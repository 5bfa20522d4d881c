"""The root group: what --help imports, how errors leave, closed pipes, interrupts and colours."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys

import click
import pytest

from sensdb.cli import COMMANDS, main
from sensdb.cli.options import confirm
from sensdb.errors import SensdbError
from tests.cli.running import CONSOLE, Here, run_on_terminal

HEAVY = {"sqlalchemy", "duckdb", "pandas", "numpy", "torch", "scipy", "matplotlib", "alembic", "sklearn", "pyarrow"}


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch):
    """Puts a command `status` in the place of the real one, with the body that a test gives."""

    def replace(body) -> None:
        monkeypatch.setattr("sensdb.cli.status.status", click.Command("status", callback=body))

    return replace


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_heavy(arguments):
    code = "import sys; from sensdb.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"

    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)

    assert {name.partition(".")[0] for name in done.stderr.split()} & HEAVY == set()


def test_help_loads_no_module_of_another_command():
    code = "import sys; from sensdb.cli import main; main(['--version']); print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not set(COMMANDS.values()) & set(done.stdout.split())


def test_version_is_one_clean_line(sensdb: Here):
    from sensdb.version import __version__

    assert sensdb("--version").out == f"sensdb {__version__}\n"


def test_no_command_prints_help_to_stderr_and_exits_2(sensdb: Here):
    ran = sensdb()

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Usage: sensdb [OPTIONS] COMMAND")


def test_a_misspelt_command_gets_the_nearest_match(sensdb: Here):
    ran = sensdb("stauts")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "Error: sensdb has no command 'stauts'.\nHint: did you mean 'status'? sensdb --help lists all.\n"


def test_a_command_like_no_other_gets_the_way_to_the_list(sensdb: Here):
    assert sensdb("qqqq").err == "Error: sensdb has no command 'qqqq'.\nHint: sensdb --help lists all.\n"


def test_a_misspelt_option_gets_the_nearest_match(sensdb: Here):
    ran = sensdb("jobs", "--swep", "x")

    assert ran.code == 2
    assert ran.err == (
        "Error: sensdb jobs has no option '--swep'.\nHint: did you mean '--sweep'? sensdb jobs --help lists all.\n"
    )


def test_a_misspelt_choice_gets_the_nearest_match(sensdb: Here):
    ran = sensdb("jobs", "-f", "jsn")

    assert ran.code == 2
    assert ran.err == (
        "Error: --format: 'jsn' is not one of table, csv, tsv, json, jsonl, markdown, parquet.\n"
        "Hint: did you mean 'json'?\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message", "command"),
    [
        (["pause"], "sensdb pause needs --sweep NAME.", "sensdb pause"),
        (["prioritise", "--sweep", "a"], "sensdb prioritise needs --priority N.", "sensdb prioritise"),
        (["import"], "sensdb import needs FILE.", "sensdb import"),
        (["jobs", "--limit", "x"], "--limit: 'x' is not a whole number.", "sensdb jobs"),
        (["jobs", "--limit", "0"], "--limit: 0 is not 1 or more.", "sensdb jobs"),
        (
            ["prioritise", "--sweep", "a", "--priority", "9999999"],
            "--priority: 9999999 is not from -1000000 to 1000000.",
            "sensdb prioritise",
        ),
        (["retry", "x"], "MODEL_ID: 'x' is not a whole number.", "sensdb retry"),
        (["jobs", "--limit"], "--limit: a value is missing.", "sensdb jobs"),
        (["--database"], "--database: a value is missing.", "sensdb"),
        (
            ["worker", "--until", "soon"],
            "--until: 'soon' is not a length of time such as 3h50m, 90m or 45s.",
            "sensdb worker",
        ),
        (["worker", "--checkpoint-every", "0.0s"], "--checkpoint-every: '0.0s' is no time at all.", "sensdb worker"),
        (["jobs", "extra", "more"], "sensdb jobs takes no argument more: extra more.", "sensdb jobs"),
    ],
)
def test_what_click_finds_wrong_is_said_in_our_words_and_of_the_command(sensdb: Here, arguments, message, command):
    ran = sensdb(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"Error: {message}\nHint: {command} --help shows how it is called.\n"


def test_a_missing_argument_names_the_help(sensdb: Here):
    ran = sensdb("plot")

    assert ran.code == 2
    assert ran.err.endswith("Hint: sensdb plot --help shows how it is called.\n")


def test_an_error_is_two_lines_and_its_own_exit_code(sensdb: Here, probe):
    class Refused(SensdbError):
        exit_code = 3

    def body() -> None:
        raise Refused("no sweep 'x'.", "sensdb status lists all.")

    probe(body)
    ran = sensdb("status")

    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "Error: no sweep 'x'.\nHint: sensdb status lists all.\n"


def test_the_traceback_comes_with_verbose_alone(sensdb: Here, probe):
    def body() -> None:
        raise SensdbError("no sweep 'x'.")

    probe(body)

    assert "Traceback" in sensdb("--verbose", "status").err
    assert "Traceback" not in sensdb("status").err


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, click.Abort])
def test_an_interrupt_exits_130(sensdb: Here, probe, interrupt):
    def body() -> None:
        raise interrupt

    probe(body)
    ran = sensdb("status")

    assert (ran.code, ran.err) == (130, "Interrupted.\n")


def test_sigint_exits_130():
    code = "from sensdb.cli import cli, main; import click, sys, time\n"
    code += (
        "cli.get_command = lambda *_: click.Command('x', callback=lambda: (print('up', flush=True), time.sleep(60)))\n"
    )
    code += "sys.exit(main(['x']))"

    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    assert process.returncode == 130


@pytest.mark.parametrize("arguments", [["--help"], ["jobs", "--help"], ["data", "list", "-f", "csv"]])
def test_a_closed_pipe_is_quiet_and_exits_0(arguments):
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run([*CONSOLE, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_behind_stdout_is_an_error_of_two_lines():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([*CONSOLE, "data", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == (
        "Error: stdout cannot be written: No space left on device.\nHint: -o FILE writes a file instead.\n"
    )


def test_a_stdout_closed_from_the_start_is_quiet_and_exits_0():
    command = " ".join(shlex.quote(each) for each in (*CONSOLE, "data", "list"))

    done = subprocess.run(["sh", "-c", f"{command} >&-"], stderr=subprocess.PIPE, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_broken_pipe_that_is_not_stdout_is_not_swallowed(probe):
    def body() -> None:
        raise BrokenPipeError

    probe(body)

    with pytest.raises(BrokenPipeError):
        main(["status"])


def test_no_color_switches_colours_off(sensdb: Here, probe, monkeypatch: pytest.MonkeyPatch):
    colours: list[bool | None] = []
    probe(lambda: colours.append(click.get_current_context().color))

    sensdb("status")
    monkeypatch.setenv("NO_COLOR", "1")
    sensdb("status")

    assert colours == [None, False]


def test_stdout_is_utf_8_in_a_pipe_whatever_the_locale(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")

    done = subprocess.run(
        [sys.executable, "-c", "from sensdb.cli.output import *; prepare_stdout(); write_text('é日')"],
        capture_output=True,
        check=True,
    )

    assert done.stdout == "é日\n".encode()


def test_yes_answers_the_question():
    confirm("delete 3 models?", yes=True)


def test_global_help_stays_on_a_terminal_of_40_columns():
    ran = run_on_terminal("--help", columns=40)

    assert ran.code == 0
    assert "prioritise" in ran.out


def test_an_empty_database_variable_counts_as_unset(sensdb: Here, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SENSDB_DATABASE_URL", "")

    ran = sensdb("status")

    assert "sqlite:///sensdb.db" in ran.err
