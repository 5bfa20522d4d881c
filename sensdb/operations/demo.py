"""`sensdb demo`: from a sweep file to an answer on real digits, through the same doors as any study."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sensdb.analysis.ask import ask
from sensdb.analysis.figures.files import save_figure
from sensdb.analysis.plot import plot
from sensdb.database.migrate import initialise
from sensdb.errors import SensdbError
from sensdb.operations.enqueue import enqueue_file
from sensdb.operations.opening import open_reader
from sensdb.worker.options import WorkerOptions
from sensdb.worker.processes import devices, run_processes
from sensdb.worker.progress import choose_display

SWEEP = "digits"
FIGURES = ("gap", "points")

# Of each saved query: the title in the story, parameters, and the columns that fit a narrow terminal.
STORY: tuple[tuple[str, str, dict[str, str], tuple[str, ...]], ...] = (
    (
        "Does sensitivity predict the generalization gap? (networks that fit, true labels, means over seeds)",
        "correlation",
        {"metric": "jacobian_norm,transitions", "unit": "configurations"},
        ("metric", "n_models", "n_configurations", "spearman", "spearman_low", "spearman_high", "kendall_tau_b"),
    ),
    (
        "One factor changes, everything else is equal: is the expected side the lower one?",
        "factor_pairs",
        {},
        ("factor", "expected_lower", "metric", "n_pairs", "share_expected", "ratio_median", "q_value"),
    ),
    (
        "Test points by Jacobian norm, within each model: 1 holds the smallest",
        "points_by_quantile",
        {},
        ("quantile", "n_points", "jacobian_norm_mean", "accuracy", "loss_mean"),
    ),
    (
        "Which number tells a wrong point from a right one? (AUROC a model, averaged)",
        "point_auroc",
        {},
        ("metric", "n_models", "auroc_mean", "auroc_low", "auroc_high"),
    ),
)

Show = Callable[[str, Sequence[dict[str, object]], Sequence[str]], None]


def run_demo(
    folder: Path,
    data_paths: Sequence[Path],
    cache: Path,
    *,
    show: Show,
    note: Callable[[str], None],
    sweep: str = SWEEP,
) -> int:
    """Make the database, train the built-in sweep, show what it says, write the figures.

    What is trained is not trained again, so an interrupted demo goes on where it was, and a second one only answers.

    Args:
        folder: where the database and the figures go; made if it is not there.
        data_paths, cache: as in `Settings`.
        show: takes a title, rows and the columns to show of them; for stdout.
        note: takes a line for people; for stderr.
        sweep: the sweep to run, as `sensdb enqueue` takes it; its name is its file's stem.

    Returns:
        The exit code: the worker's, where it is not 0.

    Raises:
        SensdbError: the folder cannot be written, or what the rooms below raise.
    """
    started = time.monotonic()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SensdbError(f"{folder} cannot be made: {error.strerror}.", "sensdb demo FOLDER takes another.") from None
    url = f"sqlite:///{folder / 'sensdb.db'}"
    initialise(url)
    enqueued = enqueue_file(sweep, url, data_paths)
    name = Path(sweep).stem
    note(f"demo: {enqueued.n_specs} models of the sweep {name}, {enqueued.n_done_already} trained already; {url}")
    if enqueued.n_done_already < enqueued.n_specs:
        options = WorkerOptions(url, tuple(data_paths), str(folder / "artifacts"), cache, drain=True)
        code, _tally = run_processes(options, devices("cpu", None), choose_display("text"))
        if code:
            return code
    for title, question, parameters, columns in STORY:
        answer = ask(url, cache, question, parameters)
        show(title, answer.rows, columns)
    for figure in FIGURES:
        save_figure(plot(url, cache, figure).figure, folder / f"{figure}.png")
    with open_reader(url) as queue:
        (state,) = (row for row in queue.progress() if row["sweep"] == name)
    seconds = time.monotonic() - started
    note(f"demo: {state['done']} of {state['n_models']} models done, {state['dead']} dead, in {seconds:.0f} s.")
    note(f"figures: {', '.join(str(folder / f'{figure}.png') for figure in FIGURES)}")
    _say_what_to_try(url, note)
    return 0


def _say_what_to_try(url: str, note: Callable[[str], None]) -> None:
    note("\nTry next:")
    scripts = Path(sys.executable).parent
    on_path = shutil.which("sensdb") is not None
    for command in (
        *(() if on_path else (f"export PATH={shlex.quote(str(scripts))}:$PATH",)),
        f"export SENSDB_DATABASE_URL={shlex.quote(url)}",
        "sensdb query                                   # every saved question",
        "sensdb query correlation -f json",
        'sensdb query --sql "select nonlinearity, avg(generalization_gap) as gap from v_models group by all"',
        "sensdb enqueue --list                          # sweeps that come along",
        "sensdb enqueue mnist-small --dry-run           # needs MNIST only to train: sensdb data fetch mnist",
    ):
        note(f"  {command}")
