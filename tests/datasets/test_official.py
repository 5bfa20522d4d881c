"""Official files: found in every layout, held against their checksums, refused by name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from sensdb.datasets import files, official
from sensdb.datasets.catalogue import DATASET_NAMES, dataset_info
from sensdb.datasets.fetch import check
from sensdb.datasets.files import SOURCES, find_files
from sensdb.datasets.formats import CIFAR10, CIFAR100
from sensdb.datasets.prepare import load_dataset
from sensdb.errors import DataError
from tests.datasets.written import IDX_NAMES, cifar_source, idx_source, small_cifar, small_idx, tar_gz, write

TRAIN_X, TRAIN_Y, TEST_X, TEST_Y = IDX_NAMES
PUBLISHED_SYSTEM_FOLDERS = files.SYSTEM_FOLDERS
MEND = "sensdb data fetch mnist gets it anew; or name the folder of a good copy in SENSDB_DATA."


@pytest.fixture(autouse=True)
def no_system_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SYSTEM_FOLDERS", ())


@pytest.fixture
def contents(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Small files in place of MNIST's."""
    small = small_idx()
    monkeypatch.setitem(SOURCES, "mnist", idx_source(small))
    return small


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Small files in place of CIFAR-10's: 20 and 20 training records, 10 for the test."""
    members = small_cifar(CIFAR10, 40, 10)
    monkeypatch.setitem(SOURCES, "cifar10", cifar_source(CIFAR10, members, tar_gz(members)))
    return members


@pytest.mark.parametrize("folder", ["mnist", "MNIST", "MNIST/raw"])
@pytest.mark.parametrize("compressed", [False, True])
def test_idx_files_are_found_in_each_layout(
    tmp_path: Path, contents: dict[str, bytes], folder: str, compressed: bool
) -> None:
    write(tmp_path / folder, contents, compressed=compressed)

    dataset = load_dataset("mnist", [tmp_path / "none", tmp_path])

    assert dataset.x_train.shape == (30, 4, 4, 1)
    assert dataset.y_train.tolist() == [i % 10 for i in range(30)]
    assert dataset.x_test.tobytes() == contents[TEST_X][16:]


@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw"])
def test_a_search_folder_may_be_the_files_own(tmp_path: Path, contents: dict[str, bytes], folder: str) -> None:
    write(tmp_path / folder, contents)

    assert len(load_dataset("mnist", [tmp_path / folder]).y_test) == 10


def test_gzip_is_told_by_the_bytes_and_not_by_the_name(tmp_path: Path, contents: dict[str, bytes]) -> None:
    write(tmp_path / "mnist", contents, compressed=True)
    for name in contents:
        os.replace(tmp_path / "mnist" / f"{name}.gz", tmp_path / "mnist" / name)

    assert len(load_dataset("mnist", [tmp_path]).y_test) == 10


def test_a_missing_file_is_named_with_the_command(tmp_path: Path, contents: dict[str, bytes]) -> None:
    write(tmp_path / "mnist", {name: contents[name] for name in (TRAIN_X, TRAIN_Y, TEST_X)})

    with pytest.raises(DataError) as raised:
        load_dataset("mnist", [tmp_path, tmp_path / "b"])

    assert raised.value.message == f"mnist: no {TEST_Y}, raw or .gz, in {tmp_path}, {tmp_path / 'b'}."
    assert raised.value.hint == MEND


def test_without_any_folder_the_error_says_so(contents: dict[str, bytes]) -> None:
    with pytest.raises(DataError, match=r"^mnist: no train-images-idx3-ubyte, raw or \.gz, in no folder\.$"):
        load_dataset("mnist")


def _refusal(folder: Path, changed: Mapping[str, bytes], *, compressed: bool = False) -> DataError:
    write(folder / "mnist", changed, compressed=compressed)
    with pytest.raises(DataError) as raised:
        load_dataset("mnist", [folder])
    assert raised.value.hint == MEND
    return raised.value


@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_file_is_refused(tmp_path: Path, contents: dict[str, bytes], compressed: bool) -> None:
    error = _refusal(tmp_path, {**contents, TRAIN_X: contents[TRAIN_X][:-7]}, compressed=compressed)

    path = tmp_path / "mnist" / (f"{TRAIN_X}.gz" if compressed else TRAIN_X)
    assert error.message == f"mnist: {path} is truncated: 496 bytes expected, 489 bytes found."


def test_a_cut_gzip_file_is_refused(tmp_path: Path, contents: dict[str, bytes]) -> None:
    write(tmp_path / "mnist", contents, compressed=True)
    path = tmp_path / "mnist" / f"{TRAIN_Y}.gz"
    path.write_bytes(path.read_bytes()[:-15])

    with pytest.raises(DataError, match=r"labels-idx1-ubyte\.gz is truncated: 38 bytes expected, \d+ bytes found\.$"):
        load_dataset("mnist", [tmp_path])


def test_a_longer_file_is_refused(tmp_path: Path, contents: dict[str, bytes]) -> None:
    error = _refusal(tmp_path, {**contents, TEST_Y: contents[TEST_Y] + b"x"})

    path = tmp_path / "mnist" / TEST_Y
    assert error.message == f"mnist: {path} is too long: 18 bytes expected, more than 18 bytes found."


def test_an_altered_byte_is_refused_with_both_checksums(tmp_path: Path, contents: dict[str, bytes]) -> None:
    altered = bytearray(contents[TRAIN_X])
    altered[100] ^= 1

    error = _refusal(tmp_path, {**contents, TRAIN_X: bytes(altered)})

    expected = SOURCES["mnist"].files[0].checksum
    start = f"mnist: {tmp_path / 'mnist' / TRAIN_X} is altered: sha256 {expected} expected, sha256 "
    assert error.message.startswith(start)
    assert error.message != f"{start}{expected} found."


def test_a_file_under_anothers_name_is_told_which_it_is(
    tmp_path: Path, contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    fashion = {name: content[:-1] + b"\7" for name, content in contents.items()}
    monkeypatch.setitem(SOURCES, "fashion_mnist", idx_source(fashion))

    error = _refusal(tmp_path, {**contents, TRAIN_Y: fashion[TRAIN_Y]})

    ours, theirs = SOURCES["mnist"].files[1].checksum, SOURCES["fashion_mnist"].files[1].checksum
    assert error.message == (
        f"mnist: {tmp_path / 'mnist' / TRAIN_Y} is mixed up: sha256 {ours} expected, "
        f"sha256 {theirs} ({TRAIN_Y} of fashion_mnist) found."
    )


def test_a_good_copy_behind_a_bad_one_is_used(tmp_path: Path, contents: dict[str, bytes]) -> None:
    write(tmp_path / "a" / "mnist", {**contents, TEST_X: b"bad"})
    write(tmp_path / "b" / "mnist", contents, compressed=True)

    dataset = load_dataset("mnist", [tmp_path / "a", tmp_path / "b"])

    assert dataset.x_test.tobytes() == contents[TEST_X][16:]


def test_a_good_file_is_hashed_once_and_again_when_it_changes(tmp_path: Path, contents: dict[str, bytes]) -> None:
    write(tmp_path / "mnist", contents)
    load_dataset("mnist", [tmp_path])
    path = tmp_path / "mnist" / TRAIN_X
    before = len(files._verified)

    load_dataset("mnist", [tmp_path])
    assert len(files._verified) == before

    path.write_bytes(bytes(496))
    os.utime(path, (1, 1))
    with pytest.raises(DataError, match="is altered"):
        load_dataset("mnist", [tmp_path])


def test_check_lists_each_copy_and_what_is_missing(tmp_path: Path, contents: dict[str, bytes]) -> None:
    write(tmp_path / "a" / "mnist", {TRAIN_X: b"bad", TRAIN_Y: contents[TRAIN_Y]})
    write(tmp_path / "b" / "mnist", {TRAIN_X: contents[TRAIN_X]}, compressed=True)

    checks = check("mnist", [tmp_path / "a", tmp_path / "b"])

    assert [(each.file, each.state, each.path) for each in checks] == [
        (TRAIN_X, "truncated", tmp_path / "a" / "mnist" / TRAIN_X),
        (TRAIN_X, "ok", tmp_path / "b" / "mnist" / f"{TRAIN_X}.gz"),
        (TRAIN_Y, "ok", tmp_path / "a" / "mnist" / TRAIN_Y),
        (TEST_X, "missing", None),
        (TEST_Y, "missing", None),
    ]
    assert (checks[0].expected, checks[0].found) == ("496 bytes", "3 bytes")
    assert (checks[3].expected, checks[3].found) == (f"sha256 {SOURCES['mnist'].files[2].checksum}", "nothing")


def test_check_of_digits_needs_no_folder() -> None:
    (only,) = check("digits", [])

    assert (only.file, only.state) == ("digits.csv.gz", "ok")


def test_digits_that_are_not_the_published_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ("0" * 64, *official.DIGITS_SHA256[1:])
    monkeypatch.setattr(official, "DIGITS_SHA256", expected)

    with pytest.raises(DataError) as raised:
        load_dataset("digits")

    assert raised.value.message == (
        f"digits: scikit-learn's copy is altered: sha256 {'0' * 64} expected, "
        "20d33090fcd8af8063f6fdfff1c926b2d194481876193becdaef6b1d6888af6a found."
    )
    assert check("digits", [])[0].state == "unreadable"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "not found"),
        (b"1,2,3\n4,5,\n", "could not convert string '' to uint8"),
        (b"1,2,3\n", "cannot reshape array of size 2"),
    ],
)
def test_digits_that_cannot_be_read_are_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "digits.csv"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(official, "_digits_file", lambda: str(path))

    with pytest.raises(DataError) as raised:
        load_dataset("digits")

    assert raised.value.message.startswith(f"digits: {path} cannot be read: ")
    assert reason in raised.value.message
    assert raised.value.hint == "reinstall scikit-learn."


def test_digits_are_read_without_importing_scikit_learn() -> None:
    # The import costs 3 s of CPU, in each worker process.
    script = "import sys; from sensdb.datasets.official import read_official; read_official('digits', ()); "
    done = subprocess.run([sys.executable, "-c", script + "sys.exit('sklearn' in sys.modules)"], check=False)

    assert done.returncode == 0


@pytest.mark.parametrize("folder", ["", "cifar10"])
def test_an_archive_is_read_as_it_is(tmp_path: Path, batches: dict[str, bytes], folder: str) -> None:
    write(tmp_path / folder, {"small-binary.tar.gz": tar_gz(batches)})

    dataset = load_dataset("cifar10", [tmp_path])

    assert dataset.x_train.shape == (40, 32, 32, 3)
    assert np.bincount(dataset.y_train).tolist() == [4] * 10
    assert dataset.x_train[20, 0, 1].tolist() == [batches["set/b.bin"][1 + plane * 1024 + 1] for plane in range(3)]


@pytest.mark.parametrize("folder", ["", "cifar10"])
@pytest.mark.parametrize("compressed", [False, True])
def test_unpacked_batches_are_read_too(
    tmp_path: Path, batches: dict[str, bytes], folder: str, compressed: bool
) -> None:
    write(tmp_path / "packed", {"small-binary.tar.gz": tar_gz(batches)})
    write(tmp_path / "unpacked" / folder, batches, compressed=compressed)

    packed = load_dataset("cifar10", [tmp_path / "packed"])
    unpacked = load_dataset("cifar10", [tmp_path / "unpacked"])

    assert unpacked.checksum == packed.checksum
    assert load_dataset("cifar10", [tmp_path / "unpacked" / folder / "set"]).checksum == packed.checksum


def test_cifar100_is_read_with_its_fine_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = small_cifar(CIFAR100, 200, 100)
    archive = tar_gz(members)
    monkeypatch.setitem(SOURCES, "cifar100", cifar_source(CIFAR100, members, archive))
    write(tmp_path, {"small-binary.tar.gz": archive})

    dataset = load_dataset("cifar100", [tmp_path])

    assert dataset.y_test.tolist() == list(range(100))


def test_an_altered_archive_is_refused(tmp_path: Path, batches: dict[str, bytes]) -> None:
    write(tmp_path, {"small-binary.tar.gz": tar_gz({**batches, "set/a.bin": bytes(20 * 3073)})})

    with pytest.raises(DataError) as raised:
        load_dataset("cifar10", [tmp_path])

    expected = SOURCES["cifar10"].files[0].checksum
    start = f"cifar10: {tmp_path / 'small-binary.tar.gz'} is altered: md5 {expected} expected, md5 "
    assert raised.value.message.startswith(start)
    assert raised.value.hint == MEND.replace("mnist", "cifar10")


def test_a_truncated_batch_is_refused(tmp_path: Path, batches: dict[str, bytes]) -> None:
    write(tmp_path, {**batches, "set/b.bin": batches["set/b.bin"][:-3073]})

    with pytest.raises(DataError) as raised:
        load_dataset("cifar10", [tmp_path])

    path = tmp_path / "set" / "b.bin"
    assert raised.value.message == f"cifar10: {path} is truncated: 61460 bytes expected, 58387 bytes found."


def test_altered_labels_of_a_batch_show_in_the_class_counts(tmp_path: Path, batches: dict[str, bytes]) -> None:
    write(tmp_path, {**batches, "set/a.bin": b"\5" + batches["set/a.bin"][1:]})

    with pytest.raises(DataError) as raised:
        load_dataset("cifar10", [tmp_path])

    assert raised.value.message == (
        f"cifar10: {tmp_path / 'set'} is altered: 4 training points of each class expected, 3 of class 0 found."
    )
    assert [each.state for each in check("cifar10", [tmp_path])] == ["ok", "ok", "ok", "altered", "ok"]


def test_check_names_labels_that_do_not_exist(tmp_path: Path, batches: dict[str, bytes]) -> None:
    write(tmp_path, {**batches, "set/a.bin": b"\x99" + batches["set/a.bin"][1:]})

    (only,) = check("cifar10", [tmp_path])

    assert only.state == "unreadable"
    assert only.found == f"{tmp_path / 'set' / 'a.bin'} has a label 153: 0 to 9 expected."


def test_unpacked_batches_are_never_mixed_from_two_folders(tmp_path: Path, batches: dict[str, bytes]) -> None:
    write(tmp_path / "one", {name: batches[name] for name in ("set/a.bin", "set/test.bin")})
    write(tmp_path / "two", {name: batches[name] for name in ("set/b.bin", "set/test.bin")})

    with pytest.raises(DataError, match=r"^cifar10: no small-binary\.tar\.gz, raw or \.gz, in "):
        load_dataset("cifar10", [tmp_path / "one", tmp_path / "two"])


def test_debians_folder_is_searched(
    tmp_path: Path, contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SYSTEM_FOLDERS", (tmp_path,))
    monkeypatch.setitem(SOURCES, "fashion_mnist", idx_source(contents))
    write(tmp_path / "mnist", contents, compressed=True)  # the first folder of this source

    assert len(load_dataset("fashion_mnist", []).y_test) == 10
    assert (Path("/usr/share/datasets"),) == PUBLISHED_SYSTEM_FOLDERS


@pytest.mark.parametrize("name", [name for name in DATASET_NAMES if name != "digits"])
def test_real_files_load_and_have_the_sizes_of_the_catalogue(name: str) -> None:
    folders = [Path(part) for part in os.environ.get("SENSDB_DATA", "").split(os.pathsep) if part]
    if not any(paths for paths in find_files(name, folders).values()):
        pytest.skip(f"no folder in SENSDB_DATA holds files of {name}")

    dataset, info = load_dataset(name, folders), dataset_info(name)

    picture = (info.height, info.width, info.channels)
    assert dataset.x_train.shape == (info.n_train, *picture)
    assert dataset.x_test.shape == (info.n_test, *picture)
    assert np.unique(dataset.y_train).tolist() == list(range(info.n_classes))
    assert all(each.state == "ok" for each in check(name, folders))
