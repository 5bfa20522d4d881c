"""A real worker stores trajectories and region slices of the models that ask for them, on both databases."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from sensdb.definitions.measure import MeasureSettings
from sensdb.results.pictures import moments, read_pictures
from tests.worker.conftest import Bench


def test_a_worker_stores_trajectories_slices_and_their_file_where_they_are_asked_for(bench: Bench) -> None:
    asked = MeasureSettings(points=0, transitions_points=0, trajectories=2, regions=True)
    bench.enqueue(2, name="asks", measure=asked)
    bench.enqueue(1, name="does-not", width=12)

    code, err = bench.run("--drain")

    assert code == 0, err
    assert_trajectories_of_two_models(bench)
    assert_slices_of_two_models(bench)
    assert_each_model_has_a_file(bench)
    assert bench.value("select count(*) from trajectory_metrics where model_id = 3") == 0
    assert bench.value("select count(*) from region_slices where model_id = 3") == 0


def assert_trajectories_of_two_models(bench: Bench) -> None:
    kinds = bench.rows(
        "select kind, count(*), count(jacobian_norm), count(transitions), min(position), max(position)"
        " from v_trajectories group by kind order by kind"
    )
    n_rows = 2 * 2 * 63  # models, trajectories of each kind, places
    assert [tuple(row) for row in kinds] == [
        (kind, n_rows, n_rows, n_rows, 0, 62) for kind in ("different_classes", "random", "same_class")
    ]
    # On a random ellipse every unit of the one bias-free layer crosses twice.
    per_turn = bench.rows(
        "select sum(transitions) from trajectory_metrics where kind = 'random' group by model_id, trajectory"
    )
    assert [row[0] for row in per_turn] == [2 * 16] * 4
    # The ellipses are the same for all models, and what a model does along them is its own.
    pairs = "trajectory_metrics a join trajectory_metrics b using (trajectory, position) where a.model_id < b.model_id"
    assert bench.value(f"select count(*) from {pairs} and a.kind = b.kind and a.angle = b.angle") == 6 * 63
    assert bench.value(f"select count(*) from {pairs} and a.jacobian_norm = b.jacobian_norm") < 63


def assert_slices_of_two_models(bench: Bench) -> None:
    slices = bench.rows(
        "select model_id, moment, scope, method, n_regions, density_at_points, density_mean from v_regions"
        " order by model_id, moment, scope"
    )
    assert [tuple(row)[:4] for row in slices] == [
        (model_id, moment, scope, "exact")
        for model_id in (1, 2)
        for moment in ("after", "before")
        for scope in ("all", "last_hidden")
    ]
    for row in slices:
        assert 1 < int(str(row[4])) <= 1 + 16 + 16 * 15 // 2
        assert float(str(row[6])) > 0
    # One hidden layer: the last is all of them.
    assert [tuple(row)[4:] for row in slices[::2]] == [tuple(row)[4:] for row in slices[1::2]]


def assert_each_model_has_a_file(bench: Bench) -> None:
    files = bench.rows(
        "select distinct r.model_id, a.kind, a.uri, a.sha256, a.bytes"
        " from region_slices r join artifacts a using (artifact_id) order by 1"
    )
    assert [row[0] for row in files] == [1, 2]
    for model_id, kind, uri, sha256, size in files:
        data = (bench.artifacts / str(uri)).read_bytes()
        assert (kind, sha256, size) == ("regions", hashlib.sha256(data).hexdigest(), len(data))
        pictures = read_pictures(data, str(uri))
        assert moments(pictures) == ["before", "after"]
        of_model = f"from region_slices where model_id = {model_id} and moment = 'after' and scope = 'all'"
        assert len(pictures["after_sizes"]) == bench.value(f"select n_regions {of_model}")
        total = np.hypot(*(pictures["after_segments"][:, 1] - pictures["after_segments"][:, 0]).T).sum()
        ((mean,),) = bench.rows(f"select density_mean {of_model}")
        assert total / (2 * pictures["half"]) ** 2 == pytest.approx(float(str(mean)), rel=1e-5)
