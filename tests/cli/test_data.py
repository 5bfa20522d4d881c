"""`sensdb data`: what is listed, what a check says, and its exit codes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from sensdb.datasets.catalogue import DATASET_NAMES
from tests.cli.running import Here


def test_list_names_every_data_set_with_its_sizes(sensdb: Here):
    ran = sensdb("data", "list", "-f", "json")

    rows = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert [row["dataset"] for row in rows] == list(DATASET_NAMES)
    assert rows[0]["n_train"] == 1200
    assert rows[0]["lies_in"] == "scikit-learn"


def test_list_says_where_files_were_found(sensdb: Here, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "lab" / "mnist").mkdir(parents=True)
    (folder / "lab" / "mnist" / "train-images-idx3-ubyte").write_bytes(b"")
    monkeypatch.setenv("SENSDB_DATA", str(folder / "lab"))

    rows = list(csv.DictReader(io.StringIO(sensdb("data", "list").out)))

    assert {row["dataset"]: row["lies_in"] for row in rows}["mnist"] == str(folder / "lab" / "mnist")


def test_check_of_a_good_data_set_exits_0(sensdb: Here):
    ran = sensdb("data", "check", "digits", "-f", "json")

    assert ran.code == 0
    assert [row["state"] for row in json.loads(ran.out)] == ["ok"]


def test_check_of_a_named_data_set_that_is_missing_exits_1(sensdb: Here):
    ran = sensdb("data", "check", "cifar100", "-f", "json")

    assert ran.code == 1
    assert [row["state"] for row in json.loads(ran.out)] == ["missing"]


def test_check_of_everything_lets_files_be_missing(sensdb: Here):
    assert sensdb("data", "check").code == 0


def test_check_names_a_truncated_file_and_exits_1(sensdb: Here, folder: Path, monkeypatch: pytest.MonkeyPatch):
    path = folder / "lab" / "mnist" / "t10k-labels-idx1-ubyte.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(b"\x00\x00\x08\x01"))
    monkeypatch.setenv("SENSDB_DATA", str(folder / "lab"))

    ran = sensdb("data", "check", "-f", "json")

    bad = [row for row in json.loads(ran.out) if row["state"] == "truncated"]
    assert ran.code == 1
    assert bad[0]["path"] == str(path)
    assert bad[0]["expected"] == "10008 bytes"


def test_fetch_of_digits_says_that_there_is_nothing_to_fetch(sensdb: Here):
    ran = sensdb("data", "fetch", "digits")

    assert (ran.code, ran.out, ran.err) == (0, "", "digits comes with scikit-learn.\n")


@pytest.mark.parametrize("command", ["fetch", "check"])
def test_a_misspelt_data_set_gets_the_nearest_match(sensdb: Here, command):
    ran = sensdb("data", command, "fashion-mnist")

    assert ran.code == 1
    assert ran.err.startswith("Error: no data set 'fashion-mnist'.\nHint: did you mean 'fashion_mnist'?")
