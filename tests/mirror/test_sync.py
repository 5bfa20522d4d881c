"""The mirror holds what the database holds, however it changed since the last sync and whatever interrupted that."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.engine import reading, writing
from sensdb.database.views import VIEWS
from sensdb.errors import DatabaseError
from sensdb.mirror import bulk, segments
from sensdb.mirror.manifest import MANIFEST, last_manifest, mirror_folder, read_manifest
from sensdb.mirror.sync import sync
from tests.mirror.looking import mirrored, points, rows_of_points
from tests.mirror.stored import add_models, delete_model, replace_result


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_gives_the_same_rows_on_the_mirror_as_on_the_database(
    view: str, engine: sa.Engine, database_url: str, cache: Path
) -> None:
    models = [
        {"seed": seed, "label_noise": noise, "points": points(3, margin=None, transitions=seed)}
        for seed in (0, 1)
        for noise in (0.0, 1.0)
    ]
    add_models(engine, [*models, {"width": 7, "result": False}, {"width": 9, "train_loss": None}], sweep="one")
    with writing(engine) as connection:
        add_run(connection)
    sync(database_url, cache)
    names = [column.name for column in VIEWS[view].columns]
    key = ", ".join(names[:3])

    with reading(engine) as connection:
        there = connection.execute(sa.text(f"SELECT {', '.join(names)} FROM {view} ORDER BY {key}")).fetchall()
    here = mirrored(database_url, cache, f"SELECT {', '.join(names)} FROM {view} ORDER BY {key}")

    assert len(here) == len(there) > 0 or view in ("v_trajectories", "v_regions")
    for ours, theirs in zip(here, there, strict=True):
        assert [plain(value) for value in ours] == [plain(value) for value in theirs]


def add_run(connection: sa.Connection) -> None:
    moment = dt.datetime(2026, 2, 1, 9, 30, 0, 250_000, tzinfo=dt.UTC)
    connection.execute(
        schema.workers.insert().values(
            worker_id="w", host="h", pid=1, device="cpu", device_class="cpu", versions="{}", started_at=moment
        )
    )
    connection.execute(
        schema.attempts.insert().values(
            model_id=1, attempt=1, kind="train", worker_id="w", claimed_at=moment, ended_at=moment, outcome="done"
        )
    )


def plain(value: object) -> object:
    """A value as either database gives it: SQLite has no flags and no moments, PostgreSQL rounds 4-byte reals."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and len(value) == 26 and value[10] == " ":
        return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC)
    return pytest.approx(value, rel=1e-6) if isinstance(value, float) else value


def test_a_second_sync_copies_nothing_and_keeps_the_files(engine: sa.Engine, database_url: str, cache: Path) -> None:
    add_models(engine, [{"seed": seed, "points": points(5)} for seed in range(3)])
    first = sync(database_url, cache)
    told: list[tuple[int, int]] = []

    second = sync(database_url, cache, progress=lambda done, total: told.append((done, total)))

    assert told == [(0, 0)]
    assert second.files == first.files


def test_new_results_come_into_a_segment_of_their_own(engine: sa.Engine, database_url: str, cache: Path) -> None:
    old = add_models(engine, [{"points": points(5)}])
    first = sync(database_url, cache)
    new = add_models(engine, [{"seed": 1, "points": points(4)}])

    second = sync(database_url, cache)

    assert set(second.segments) > set(first.segments)
    assert rows_of_points(database_url, cache) == {old[0]: 5, new[0]: 4}


def test_a_result_of_an_earlier_model_that_comes_late_is_found(
    engine: sa.Engine, database_url: str, cache: Path
) -> None:
    late, early = add_models(engine, [{"points": points(2)}, {"seed": 1, "points": points(2)}])
    kept = early
    with writing(engine) as connection:
        connection.execute(schema.point_metrics.delete().where(schema.point_metrics.c.model_id == late))
        connection.execute(schema.model_metrics.delete().where(schema.model_metrics.c.model_id == late))
    sync(database_url, cache)

    replace_result(engine, late, points=points(3))
    sync(database_url, cache)

    assert rows_of_points(database_url, cache) == {late: 3, kept: 2}


def test_a_deleted_model_disappears(engine: sa.Engine, database_url: str, cache: Path) -> None:
    gone, kept = add_models(engine, [{"seed": seed, "points": points(5)} for seed in range(2)], sweep="s")
    sync(database_url, cache)

    delete_model(engine, gone)
    sync(database_url, cache)

    assert rows_of_points(database_url, cache) == {kept: 5}
    assert mirrored(database_url, cache, "SELECT model_id FROM v_models") == [(kept,)]


def test_a_replaced_result_is_replaced(engine: sa.Engine, database_url: str, cache: Path) -> None:
    (model, other) = add_models(engine, [{"seed": seed, "points": points(5)} for seed in range(2)])
    sync(database_url, cache)

    replace_result(engine, model, points=points(2), test_accuracy=0.5)
    sync(database_url, cache)

    assert rows_of_points(database_url, cache) == {model: 2, other: 5}
    assert mirrored(database_url, cache, f"SELECT test_accuracy FROM v_models WHERE model_id = {model}") == [(0.5,)]


def test_a_result_replaced_while_points_are_copied_is_mirrored_in_its_new_form(
    engine: sa.Engine, database_url: str, cache: Path
) -> None:
    (model,) = add_models(engine, [{"points": points(5)}])
    replaced = iter([True])

    def replace_once(done: int, total: int) -> None:
        if next(replaced, False):
            replace_result(engine, model, points=points(3))

    sync(database_url, cache, progress=replace_once)

    assert rows_of_points(database_url, cache) == {model: 3}
    assert mirrored(database_url, cache, "SELECT n_points_stored FROM v_models") == [(3,)]


def test_a_result_replaced_in_every_round_is_left_out_until_the_next_sync(
    engine: sa.Engine, database_url: str, cache: Path
) -> None:
    model, other = add_models(engine, [{"seed": seed, "points": points(5)} for seed in range(2)])

    def replace(done: int, total: int) -> None:
        if done == 0:
            replace_result(engine, model, points=points(3))

    sync(database_url, cache, progress=replace)

    assert rows_of_points(database_url, cache) == {other: 5}
    assert mirrored(database_url, cache, "SELECT model_id FROM v_models") == [(other,)]
    sync(database_url, cache)
    assert rows_of_points(database_url, cache) == {model: 3, other: 5}


def test_a_column_of_missing_values_stays_a_column_of_numbers(
    engine: sa.Engine, database_url: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "FEWEST_ROWS", 0)
    add_models(engine, [{"points": [{"margin": None}] * 2000 + [{"margin": 0.3}]}])

    sync(database_url, cache)

    found = mirrored(
        database_url, cache, "SELECT typeof(margin), count(margin), max(margin) FROM point_metrics GROUP BY 1"
    )
    assert found == [("FLOAT", 1, pytest.approx(0.3))]


def test_many_points_are_copied_by_lanes_into_the_same_files(
    engine: sa.Engine, database_url: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_models(engine, [{"seed": seed, "points": points(40, loss=0.1 * seed)} for seed in range(6)])
    monkeypatch.setattr(segments, "SEGMENT_ROWS", 100)
    plain_way = sync(database_url, tmp_path / "other cache")
    monkeypatch.setattr(bulk, "FEWEST_ROWS", 0)

    by_lanes = sync(database_url, cache)

    assert len(by_lanes.segments) == 3
    assert by_lanes.segments == plain_way.segments


def test_a_failure_in_a_lane_is_the_syncs_failure(
    engine: sa.Engine, database_url: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_models(engine, [{"points": points(5)}])
    monkeypatch.setattr(bulk, "FEWEST_ROWS", 0)

    def drop_points(done: int, total: int) -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("DROP VIEW IF EXISTS v_points")
            connection.exec_driver_sql("ALTER TABLE point_metrics RENAME TO hidden")

    with pytest.raises(DatabaseError, match=r"reading .* failed: .*point_metrics"):
        sync(database_url, cache, progress=drop_points)


def test_rebuild_copies_everything_anew(engine: sa.Engine, database_url: str, cache: Path) -> None:
    add_models(engine, [{"points": points(5)}])
    sync(database_url, cache)
    told: list[tuple[int, int]] = []

    sync(database_url, cache, rebuild=True, progress=lambda done, total: told.append((done, total)))

    assert told == [(0, 5), (5, 5)]


@pytest.mark.parametrize("field", ["schema_revision", "sensdb_version", "format"])
def test_a_mirror_of_another_version_is_built_anew(
    field: str, engine: sa.Engine, database_url: str, cache: Path
) -> None:
    add_models(engine, [{"points": points(5)}])
    made = sync(database_url, cache)
    path = mirror_folder(cache, made.identity) / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: "another"}))
    told: list[tuple[int, int]] = []

    sync(database_url, cache, progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (5, 5)


def test_a_segment_that_is_gone_or_cut_is_copied_again(engine: sa.Engine, database_url: str, cache: Path) -> None:
    (model,) = add_models(engine, [{"points": points(5)}])
    made = sync(database_url, cache)
    (mirror_folder(cache, made.identity) / made.segments[0].file).write_bytes(b"PAR1")

    sync(database_url, cache)

    assert rows_of_points(database_url, cache) == {model: 5}


def test_small_segments_are_joined(
    engine: sa.Engine, database_url: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "MOST_SMALL", 2)
    for seed in range(4):
        add_models(engine, [{"seed": seed, "points": points(5)}])
        made = sync(database_url, cache)

    assert len(made.segments) <= 2
    assert sorted(rows_of_points(database_url, cache).values()) == [5, 5, 5, 5]


def test_replaced_files_stay_for_their_grace_and_go_after_it(engine: sa.Engine, database_url: str, cache: Path) -> None:
    (model,) = add_models(engine, [{"points": points(5)}])
    first = sync(database_url, cache)
    folder = mirror_folder(cache, first.identity)
    (folder / "points-left-by-a-killed-sync.parquet").write_bytes(b"")
    replace_result(engine, model, points=points(3))

    sync(database_url, cache)
    assert (folder / first.segments[0].file).exists()
    last = sync(database_url, cache, grace_seconds=-1.0)

    assert {path.name for path in folder.iterdir()} == {*last.files, MANIFEST, "lock"}


def test_two_databases_have_two_mirrors(engine: sa.Engine, database_url: str, cache: Path) -> None:
    made = sync(database_url, cache)
    with writing(engine) as connection:
        connection.execute(schema.database_identity.update().values(identity="another"))

    other = sync(database_url, cache)

    assert made.identity != other.identity
    assert read_manifest(mirror_folder(cache, made.identity)) == made
    assert last_manifest(database_url, cache)[1] == other
