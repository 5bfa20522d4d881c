"""Weights are kept on request and measured again by any worker, to the same bits; what is lost is named."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.definitions.measure import MeasureSettings
from sensdb.results.weights import read_weights
from tests.worker.conftest import Bench

pytestmark = pytest.mark.long

KEEPING = MeasureSettings(points=30, transitions_points=10, keep_weights=True)
LITTLE = replace(KEEPING, keep_weights=False)


def rows_of(bench: Bench, table: str, *leave: str) -> list[dict[str, object]]:
    """All rows of a table by key, without some columns."""
    rows = bench.rows(f"select * from {table} order by 1, 2, 3, 4")
    return [{name: value for name, value in row._mapping.items() if name not in leave} for row in rows]


def stored_results(bench: Bench) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Metrics and points, without what every measuring makes anew."""
    metrics = rows_of(bench, "model_metrics", "result_id", "attempt", "measure_seconds")
    return metrics, rows_of(bench, "point_metrics")


def result_ids(bench: Bench) -> list[str]:
    return [str(row[0]) for row in bench.rows("select result_id from model_metrics order by model_id")]


def kept_files(bench: Bench) -> list[Path]:
    return sorted(path for path in bench.artifacts.rglob("*") if path.is_file())


def test_weights_are_kept_where_the_sweep_asks_for_it(bench: Bench) -> None:
    bench.enqueue(2, name="keeping", measure=KEEPING)
    bench.enqueue(1, name="other", measure=LITTLE, width=8)

    code, err = bench.run("--drain")

    assert code == 0, err
    rows = bench.rows(
        "select a.uri, a.sha256, a.bytes, m.spec_sha256 from artifacts a join models m on m.model_id = a.model_id"
        " order by a.model_id"
    )
    assert sorted(bench.artifacts / str(row[0]) for row in rows) == kept_files(bench)
    for uri, sha256, n_bytes, spec_sha256 in rows:
        data = (bench.artifacts / str(uri)).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, n_bytes)
        stored = read_weights(data, str(uri))
        assert (stored.sizes, stored.dtype, stored.spec_sha256) == ((64, 16, 10), "float32", spec_sha256)


def test_keep_weights_keeps_those_of_every_model(bench: Bench) -> None:
    bench.enqueue(2, measure=LITTLE)

    bench.run("--drain", "--keep-weights")

    assert bench.value("select count(*) from artifacts where kind = 'weights'") == len(kept_files(bench)) == 2


def test_a_diverged_model_has_no_weights_to_keep(bench: Bench) -> None:
    bench.enqueue(1, measure=KEEPING, learning_rate=1e30)

    bench.run("--drain")

    assert bench.value("select count(*) from model_metrics where stop_reason = 'diverged'") == 1
    assert kept_files(bench) == []


@pytest.mark.parametrize("fields", [{}, {"dtype": "float64", "biases": "true", "label_noise": 0.5, "loss": "squared"}])
def test_measuring_kept_weights_gives_the_same_bits_under_a_new_result(bench: Bench, fields: dict[str, object]) -> None:
    bench.enqueue(3, measure=KEEPING, **fields)
    bench.run("--drain")
    before, ids_before = stored_results(bench), result_ids(bench)

    measured = bench.queue.measure(sweep="small")
    code, err = bench.run("--drain")

    assert (measured.n_queued, measured.n_without_weights, code) == (3, 0, 0), err
    assert stored_results(bench) == before
    assert set(result_ids(bench)).isdisjoint(ids_before)
    assert bench.value("select count(*) from attempts where kind = 'measure' and outcome = 'done'") == 3
    assert bench.value("select count(*) from artifacts") == len(kept_files(bench)) == 3


def test_what_is_measured_in_addition_equals_having_asked_at_once(bench: Bench) -> None:
    bench.enqueue(1, measure=KEEPING)
    bench.run("--drain")

    more = replace(KEEPING, points="all", transitions_points=40)
    bench.queue.measure(sweep="small", settings=more)
    bench.run("--drain")
    added = stored_results(bench)
    bench.queue.retry(sweep="small", retrain=True)
    bench.run("--drain")

    metrics, points = stored_results(bench)
    trained = ("train_seconds",)
    assert [{**row, **dict.fromkeys(trained)} for row in metrics] == [
        {**row, **dict.fromkeys(trained)} for row in added[0]
    ]
    assert points == added[1]
    assert len(points) == 597


def test_a_done_model_wanted_with_more_by_another_sweep_is_measured_if_its_weights_are_kept(bench: Bench) -> None:
    bench.enqueue(2, measure=KEEPING)
    bench.enqueue(2, name="bare", measure=LITTLE, width=8)
    bench.run("--drain")

    bench.enqueue(2, name="more", measure=replace(LITTLE, points="all"))
    bench.enqueue(2, name="more-of-bare", measure=replace(LITTLE, points="all"), width=8)
    bench.run("--drain")

    counts = bench.rows("select n_points_stored from model_metrics order by model_id")
    assert [row[0] for row in counts] == [597, 597, 30, 30]
    assert bench.value("select count(*) from attempts where kind = 'train'") == 4


def test_lost_weights_are_named_and_the_other_models_go_on(bench: Bench) -> None:
    bench.enqueue(4, measure=KEEPING)
    bench.run("--drain")
    before, ids = stored_results(bench), result_ids(bench)
    files = bench.rows("select uri, sha256 from artifacts order by model_id")
    (bench.artifacts / str(files[1][0])).unlink()
    (bench.artifacts / str(files[2][0])).write_bytes(b"other numbers")
    with bench.engine.begin() as connection:
        given = {"uri": files[0][0], "sha256": files[0][1]}
        connection.execute(sa.text("update artifacts set uri = :uri, sha256 = :sha256 where model_id = 4"), given)

    bench.queue.measure(sweep="small")
    code, err = bench.run("--drain")

    found = hashlib.sha256(b"other numbers").hexdigest()
    specs = [row[0] for row in bench.rows("select spec_sha256 from models order by model_id")]
    messages = [
        f"artifact {files[1][0]} is missing in {bench.artifacts}: sha256 {files[1][1]} expected, no file found.",
        f"artifact {files[2][0]} in {bench.artifacts} is altered: sha256 {files[2][1]} expected, {found} found.",
        f"artifact {files[0][0]} is that of another model: spec_sha256 {specs[3]} expected, {specs[0]} found.",
    ]
    assert code == 0, err
    assert all(message in err for message in messages)
    ended = bench.rows("select error_type, error_message from attempts where outcome = 'failed' order by model_id")
    assert [tuple(row) for row in ended] == [("ArtifactError", message) for message in messages]
    assert [row[0] for row in bench.rows("select state from jobs")] == ["done"] * 4
    assert stored_results(bench) == before
    assert [now == then for now, then in zip(result_ids(bench), ids, strict=True)] == [False, True, True, True]


def test_a_worker_that_looks_in_another_folder_charges_nothing(bench: Bench) -> None:
    bench.enqueue(1, measure=KEEPING)
    bench.run("--drain")
    bench.queue.measure(sweep="small")

    code, err = bench.run("--drain", SENSDB_ARTIFACTS=str(bench.folder / "elsewhere"))

    assert code == 1
    assert f"{bench.folder / 'elsewhere'} holds no artifact of this database" in err
    assert [tuple(row) for row in bench.rows("select state, exceptions, losses from jobs")] == [("queued", 0, 0)]
    assert not (bench.folder / "elsewhere").exists()


def test_a_folder_that_cannot_be_written_is_found_out_before_training(bench: Bench) -> None:
    bench.enqueue(1, measure=KEEPING, max_steps=2_000_000)
    (bench.folder / "file").write_text("not a folder")

    code, err = bench.run("--drain", SENSDB_ARTIFACTS=str(bench.folder / "file"))

    assert code == 1
    assert (
        f"artifacts in {bench.folder / 'file'}: Not a directory. SENSDB_ARTIFACTS names another folder or URL." in err
    )
    assert [tuple(row) for row in bench.rows("select state, exceptions, losses from jobs")] == [("queued", 0, 0)]


def test_training_again_keeps_the_new_weights_where_there_were_old_ones(bench: Bench) -> None:
    bench.enqueue(1, measure=LITTLE)
    bench.run("--drain", "--keep-weights")
    (kept,) = kept_files(bench)
    kept.unlink()

    bench.queue.retry(sweep="small", retrain=True)
    bench.run("--drain")

    assert kept_files(bench) == [kept]
    assert bench.value("select count(*) from artifacts") == 1


def test_trajectories_and_slices_are_stored_with_the_result_and_measured_again_to_the_same_bits(bench: Bench) -> None:
    bench.enqueue(1, measure=replace(KEEPING, trajectories=1, regions=True), nonlinearity="relu6")
    code, err = bench.run("--drain")
    assert code == 0, err
    curves, slices = rows_of(bench, "trajectory_metrics"), rows_of(bench, "region_slices", "artifact_id")

    bench.queue.measure(sweep="small")
    code, err = bench.run("--drain")

    assert code == 0, err
    assert {row["kind"] for row in curves} == {"random", "different_classes", "same_class"}
    assert {(row["moment"], row["scope"]) for row in slices} == {
        (moment, scope) for moment in ("before", "after") for scope in ("last_hidden", "all")
    }
    assert rows_of(bench, "trajectory_metrics") == curves
    assert rows_of(bench, "region_slices", "artifact_id") == slices
    assert [row[0] for row in bench.rows("select kind from artifacts order by kind")] == ["regions", "weights"]
    assert len(kept_files(bench)) == 2
