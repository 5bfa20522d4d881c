"""The user's own arrays: what is accepted, how they are named, how they are found."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sensdb.datasets import npz
from sensdb.datasets.npz import find_npz, npz_digest, npz_info, read_npz
from sensdb.datasets.prepare import load_dataset
from sensdb.errors import DataError
from tests.datasets.written import write_npz


def test_colour_pictures_come_back_as_they_were(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "own.npz")

    arrays = read_npz(path)

    assert arrays.x_train.shape == (12, 5, 4, 3)
    assert arrays.y_test.dtype == np.int64
    with np.load(path, allow_pickle=False) as stored:
        for name in stored.files:
            np.testing.assert_array_equal(getattr(arrays, name), stored[name])


def test_grey_pictures_get_a_channel(tmp_path: Path) -> None:
    x = np.zeros((12, 5, 4), dtype=np.uint8)

    arrays = read_npz(write_npz(tmp_path / "own.npz", x_train=x, x_test=x[:6]))

    assert arrays.x_train.shape == (12, 5, 4, 1)


def test_rows_of_numbers_are_one_pixel_high_and_no_pictures(tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 36).reshape(12, 3)

    path = write_npz(tmp_path / "own.npz", x_train=x, x_test=x[:6])

    assert read_npz(path).x_train.shape == (12, 1, 3, 1)
    assert read_npz(path).x_train.dtype == np.float32
    assert not npz_info(path).is_image


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8"])
def test_byte_order_and_memory_order_do_not_matter(tmp_path: Path, order: str, kind: str) -> None:
    x = np.arange(12 * 20, dtype=np.float32).reshape(12, 5, 4)
    plain = write_npz(tmp_path / "plain.npz", x_train=x, x_test=x[:6])
    other = np.asarray(x, dtype=kind, order=order)  # type: ignore[call-overload]

    path = write_npz(tmp_path / "own.npz", x_train=other, x_test=other[:6])

    np.testing.assert_array_equal(read_npz(path).x_train[..., 0], x)
    assert npz_digest(path) == npz_digest(plain)


def test_the_name_follows_from_the_arrays_alone(tmp_path: Path) -> None:
    one = npz_digest(write_npz(tmp_path / "one.npz"))

    same = [
        write_npz(tmp_path / "raw.npz", compressed=False),
        write_npz(tmp_path / "more.npz", more=np.zeros(3)),
        write_npz(tmp_path / "bytes.npz", y_train=(np.arange(12) % 3).astype(np.uint8)),
    ]
    other = [
        write_npz(tmp_path / "labels.npz", y_test=np.arange(6)[::-1] % 3),
        write_npz(tmp_path / "flat.npz", x_train=np.zeros((12, 60), np.uint8), x_test=np.zeros((6, 60), np.uint8)),
    ]

    assert {npz_digest(path) for path in same} == {one}
    assert one not in {npz_digest(path) for path in other}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_train": None, "x_test": None}, "lacks y_train, x_test: arrays x_train, y_train, x_test, y_test expected."),
        ({"y_train": np.arange(11) % 3}, "has 12 pictures in x_train and 11 labels in y_train: as many expected."),
        ({"y_train": np.arange(12) % 3 - 1}, "has a label -1 in y_train: 0 to K-1 for K classes expected."),
        (
            {"y_train": np.full(12, 1 << 40)},
            "has a label 1099511627776 in y_train: 0 to K-1 for K classes expected.",
        ),
        (
            {"y_train": np.arange(12) % 3 + 1},
            "uses 3 of the labels 0 to 3 in y_train: each, and at least 2, expected.",
        ),
        (
            {"y_train": np.full(12, 0)},
            "uses 1 of the labels 0 to 0 in y_train: each, and at least 2, expected.",
        ),
        ({"y_test": np.arange(6) % 2}, "has 3 classes in y_train and 2 in y_test: as many expected."),
        (
            {"y_train": np.arange(12.0) % 3},
            "has y_train of shape (12,) and type float64: [N] of whole numbers expected.",
        ),
        (
            {"x_test": np.zeros((6, 4, 5, 3), np.uint8)},
            "has pictures of 5 x 4 x 3 uint8 and 4 x 5 x 3 uint8 in x_train and x_test: the same expected.",
        ),
        (
            {"x_train": np.zeros((12, 5, 4, 3), np.int32)},
            "has x_train of shape (12, 5, 4, 3) and type int32: [N, d], [N, h, w] or [N, h, w, c] of uint8 or floating "
            "point expected.",
        ),
        (
            {"x_train": np.full((12, 5), np.nan)},
            "has a value in x_train that is not finite or beyond 1e+18.",
        ),
        (
            {"x_train": np.full((12, 5), -1e300)},
            "has a value in x_train that is not finite or beyond 1e+18.",
        ),
        (
            {"x_train": np.zeros((12, 5, 1, 1, 1), np.uint8)},
            "has x_train of shape (12, 5, 1, 1, 1): 1 to 4 sizes, each at least 1, expected.",
        ),
        (
            {"x_train": np.zeros((0, 5), np.uint8)},
            "has x_train of shape (0, 5): 1 to 4 sizes, each at least 1, expected.",
        ),
        ({"y_test": np.array(list("abcabc"))}, "has y_test of type '<U1': whole numbers or floating point expected."),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = write_npz(tmp_path / "own.npz", **changes)

    with pytest.raises(DataError) as raised:
        read_npz(path)

    assert raised.value.message == f"{path} {message}"


class _Planted:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("planted",)


def test_a_pickle_is_refused_and_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_npz(tmp_path / "own.npz", y_test=np.array([_Planted()] * 6, dtype=object))

    with pytest.raises(
        DataError, match=r"has y_test of Python objects, which are never unpickled: numbers expected\.$"
    ):
        read_npz(path)

    assert not (tmp_path / "planted").exists()


def test_a_bare_pickle_is_no_npz(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(pickle.dumps({"x_train": 1}))

    with pytest.raises(DataError, match=r"own\.npz cannot be read: File is not a zip file\.$"):
        read_npz(path)


def test_an_unknown_zip_method_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(f"{name}.npy", b"content")

    with pytest.raises(DataError, match=r"stores x_train by zip method 14: stored or deflated expected\.$"):
        read_npz(path)


def test_an_altered_byte_is_noticed(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "own.npz", compressed=False)
    content = bytearray(path.read_bytes())
    content[300] ^= 1  # within the pixels of x_train
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"cannot be read: Bad CRC-32 for file 'x_train\.npy'\.$"):
        read_npz(path)


def test_it_is_found_in_a_folder_under_any_name(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", y_test=np.arange(6)[::-1] % 3)
    (tmp_path / "broken.npz").write_bytes(b"PK")
    path = write_npz(tmp_path / "sub" / "folder" / "z.npz")
    name = npz_info(path).name

    assert find_npz(name, [tmp_path / "none", tmp_path])[0] == path


def test_the_last_path_is_tried_first_and_may_be_wrong(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "data" / "own.npz")
    moved = write_npz(tmp_path / "elsewhere" / "own.npz")
    other = write_npz(tmp_path / "other.npz", y_test=np.arange(6)[::-1] % 3)
    name = npz_info(path).name
    search = [tmp_path / "data"]

    assert find_npz(name, search, moved)[0] == moved
    assert find_npz(name, search, str(other))[0] == path
    assert find_npz(name, search, tmp_path / "gone.npz")[0] == path


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "own.npz")
    before = npz_digest(path)

    write_npz(path, y_test=np.arange(6)[::-1] % 3)
    os.utime(path, (1, 1))

    assert npz_digest(path) != before


def test_an_unchanged_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_npz(tmp_path / "own.npz")
    first = npz_info(path)

    monkeypatch.setattr(npz, "read_npz", None)

    assert npz_info(path) is first


def test_the_search_goes_neither_too_deep_nor_through_links(tmp_path: Path) -> None:
    deep = write_npz(tmp_path / "data" / "1" / "2" / "3" / "4" / "5" / "own.npz")
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data")
    name = npz_info(deep).name

    with pytest.raises(DataError) as raised:
        find_npz(name, [tmp_path / "data"])

    assert raised.value.message == (
        f"no .npz with the arrays of {name}: 0 .npz files looked at in {tmp_path / 'data'}."
    )
    assert raised.value.hint == "copy the file into one of these folders, or name its folder in SENSDB_DATA."


def test_the_search_ends_in_a_folder_of_very_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "SCAN_FILES", 3)
    for i in range(3):
        (tmp_path / f"{i}.txt").touch()
    path = write_npz(tmp_path / "sub" / "own.npz")

    with pytest.raises(DataError, match=r": 0 \.npz files looked at in "):
        find_npz(npz_info(path).name, [tmp_path])


def test_it_loads_as_a_data_set(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "own.npz")
    name = npz_info(path).name

    dataset = load_dataset(name, [], last_path=path)

    assert dataset.info.name == name == f"npz:{dataset.checksum}"
    assert dataset.x_train.shape == (12, 5, 4, 3)


def test_real_pictures_are_found_by_content() -> None:
    folders = [Path(part) for part in os.environ.get("SENSDB_DATA", "").split(os.pathsep) if part]
    paths = [path for folder in folders for path in sorted(folder.glob("*.npz"))]
    if not paths:
        pytest.skip("no folder in SENSDB_DATA holds an .npz")

    info = npz_info(paths[0])

    assert find_npz(info.name, folders) == (paths[0], info)
    assert load_dataset(info.name, folders).x_train.shape == (info.n_train, info.height, info.width, info.channels)


def test_a_file_of_other_arrays_is_told_what_it_holds_and_how_to_write_one(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, **{"X": np.zeros(3), "y_train": np.zeros(3), "a\nb\x1b[31m": np.zeros(1)})

    with pytest.raises(DataError, match="lacks x_train, x_test, y_test:") as raised:
        read_npz(path)

    assert raised.value.hint == (
        "it holds X, y_train, a\\nb\\x1b[31m;"
        " numpy.savez(FILE, x_train=..., y_train=..., x_test=..., y_test=...) writes one."
    )
