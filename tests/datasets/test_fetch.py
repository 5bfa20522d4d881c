"""Fetching from mirrors: a real server, cut connections, wrong bytes, dead mirrors."""

from __future__ import annotations

import fcntl
import gzip
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensdb.datasets.fetch import check, fetch
from sensdb.datasets.files import SOURCES
from sensdb.datasets.formats import CIFAR10
from sensdb.datasets.prepare import load_dataset
from sensdb.errors import DataError
from tests.datasets.mirror_server import Mirror, serving
from tests.datasets.written import IDX_NAMES, cifar_source, idx_source, small_cifar, small_idx, tar_gz, write

TRAIN_X, TRAIN_Y, TEST_X, TEST_Y = IDX_NAMES


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def contents(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Small files in place of MNIST's."""
    small = small_idx()
    monkeypatch.setitem(SOURCES, "mnist", idx_source(small))
    return small


@pytest.fixture
def mirror(contents: dict[str, bytes]) -> Iterator[Mirror]:
    """A mirror of them, as .gz."""
    with serving(Mirror({f"{name}.gz": gzip.compress(content) for name, content in contents.items()})) as started:
        yield started


@pytest.fixture
def dead(mirror: Mirror) -> str:
    """An address on which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/"


def _asked(mirror: Mirror, name: str) -> list[str | None]:
    return [asked for requested, asked in mirror.requests if requested == f"{name}.gz"]


def test_fetched_files_load(tmp_path: Path, mirror: Mirror) -> None:
    paths = fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert paths == [tmp_path / "mnist" / f"{name}.gz" for name in IDX_NAMES]
    assert load_dataset("mnist", [tmp_path]).x_train.shape == (30, 4, 4, 1)
    assert not list(tmp_path.rglob("*.part"))


def test_the_published_mirrors_are_used_unless_others_are_given(
    tmp_path: Path, contents: dict[str, bytes], mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = idx_source(contents)
    monkeypatch.setitem(SOURCES, "mnist", type(source)(source.files, source.folders, (mirror.address,)))

    assert len(fetch("mnist", tmp_path)) == 4


def test_what_is_there_and_good_is_left_alone(tmp_path: Path, contents: dict[str, bytes], mirror: Mirror) -> None:
    write(tmp_path / "mnist", {TRAIN_X: contents[TRAIN_X]})
    write(tmp_path / "mnist", {TRAIN_Y: contents[TRAIN_Y]}, compressed=True)

    paths = fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert paths[:2] == [tmp_path / "mnist" / TRAIN_X, tmp_path / "mnist" / f"{TRAIN_Y}.gz"]
    assert [name for name, _ in mirror.requests] == [f"{TEST_X}.gz", f"{TEST_Y}.gz"]


def test_a_bad_file_is_replaced(tmp_path: Path, contents: dict[str, bytes], mirror: Mirror) -> None:
    write(tmp_path / "mnist", {**contents, TEST_Y: b"bad"}, compressed=True)

    fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert [each.state for each in check("mnist", [tmp_path])] == ["ok"] * 4


def test_a_bad_raw_file_does_not_hide_the_fetched_one(
    tmp_path: Path, contents: dict[str, bytes], mirror: Mirror
) -> None:
    write(tmp_path / "mnist", {**contents, TEST_Y: b"bad"})

    fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert load_dataset("mnist", [tmp_path]).y_test.tolist() == list(range(10))


def test_progress_counts_bytes_of_each_file(tmp_path: Path, mirror: Mirror) -> None:
    seen: list[tuple[str, int, int | None]] = []

    fetch("mnist", tmp_path, lambda *step: seen.append(step), mirrors=[mirror.address])

    size = len(mirror.contents[f"{TRAIN_X}.gz"])
    assert seen[:2] == [(f"{TRAIN_X}.gz", 0, size), (f"{TRAIN_X}.gz", size, size)]
    assert {name for name, _, _ in seen} == set(mirror.contents)


def test_a_mirror_that_does_not_say_how_long_a_file_is_will_do(tmp_path: Path, mirror: Mirror) -> None:
    mirror.lengths = False
    seen: list[tuple[str, int, int | None]] = []

    fetch("mnist", tmp_path, lambda *step: seen.append(step), mirrors=[mirror.address])

    assert seen[0] == (f"{TRAIN_X}.gz", 0, None)
    assert load_dataset("mnist", [tmp_path]).y_test.tolist() == list(range(10))


def test_a_cut_connection_is_taken_up_where_it_ended(tmp_path: Path, mirror: Mirror) -> None:
    mirror.cuts = [100, 50]

    fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert _asked(mirror, TRAIN_X) == [None, "bytes=100-", "bytes=150-"]
    assert load_dataset("mnist", [tmp_path]).y_test.tolist() == list(range(10))


def test_a_later_call_goes_on_from_the_part(tmp_path: Path, mirror: Mirror) -> None:
    mirror.cuts = [100, 0]
    with pytest.raises(DataError, match=r"broke off after 100 of \d+ bytes\.$"):
        fetch("mnist", tmp_path, mirrors=[mirror.address])
    assert (tmp_path / "mnist" / f"{TRAIN_X}.gz.part").stat().st_size == 100

    fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert _asked(mirror, TRAIN_X) == [None, "bytes=100-", "bytes=100-"]
    assert load_dataset("mnist", [tmp_path]).y_test.tolist() == list(range(10))


def test_another_mirror_goes_on_from_the_part(tmp_path: Path, mirror: Mirror) -> None:
    with serving(Mirror(mirror.contents, cuts=[100, 0])) as tired:
        fetch("mnist", tmp_path, mirrors=[tired.address, mirror.address])

        assert _asked(tired, TRAIN_X) == [None, "bytes=100-"]
    assert _asked(mirror, TRAIN_X) == ["bytes=100-"]


def test_a_mirror_without_ranges_begins_anew(tmp_path: Path, mirror: Mirror) -> None:
    mirror.ranges, mirror.cuts = False, [100]

    fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert _asked(mirror, TRAIN_X) == [None, "bytes=100-"]
    assert load_dataset("mnist", [tmp_path]).y_test.tolist() == list(range(10))


def test_a_mirror_that_sends_another_range_is_asked_for_the_whole(tmp_path: Path, mirror: Mirror) -> None:
    mirror.wrong_range, mirror.cuts = True, [100]

    fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert _asked(mirror, TRAIN_X) == [None, "bytes=100-", None]


def test_a_part_of_other_bytes_is_thrown_away(tmp_path: Path, mirror: Mirror) -> None:
    write(tmp_path / "mnist", {f"{TRAIN_X}.gz.part": b"the beginning of something else"})

    fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert _asked(mirror, TRAIN_X) == ["bytes=31-", None]
    assert load_dataset("mnist", [tmp_path]).y_test.tolist() == list(range(10))


def test_a_part_that_is_already_whole_is_used(tmp_path: Path, mirror: Mirror) -> None:
    write(tmp_path / "mnist", {f"{TRAIN_X}.gz.part": mirror.contents[f"{TRAIN_X}.gz"]})

    fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert len(_asked(mirror, TRAIN_X)) == 1  # answered 416: nothing follows
    assert load_dataset("mnist", [tmp_path]).y_test.tolist() == list(range(10))


def test_a_part_that_is_too_long_is_thrown_away(tmp_path: Path, mirror: Mirror) -> None:
    write(tmp_path / "mnist", {f"{TRAIN_X}.gz.part": bytes(100_000)})

    fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert _asked(mirror, TRAIN_X) == ["bytes=100000-", None]


def test_the_next_mirror_is_tried_when_one_is_dead(tmp_path: Path, mirror: Mirror, dead: str) -> None:
    assert len(fetch("mnist", tmp_path, mirrors=[dead, mirror.address])) == 4


def test_the_next_mirror_is_tried_when_one_serves_altered_bytes(
    tmp_path: Path, contents: dict[str, bytes], mirror: Mirror
) -> None:
    altered = {name: content[:-1] + b"\x0b" for name, content in contents.items()}
    with serving(Mirror({f"{name}.gz": gzip.compress(content) for name, content in altered.items()})) as bad:
        fetch("mnist", tmp_path, mirrors=[bad.address, mirror.address])

        assert _asked(bad, TRAIN_X) == [None]
    assert [each.state for each in check("mnist", [tmp_path])] == ["ok"] * 4


def test_altered_bytes_are_never_given_the_files_name(tmp_path: Path, mirror: Mirror) -> None:
    mirror.contents[f"{TRAIN_X}.gz"] = gzip.compress(b"<html>please log in</html>")

    with pytest.raises(DataError) as raised:
        fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert raised.value.message == (
        f"mnist: no mirror gave {TRAIN_X}.gz. {mirror.address}{TRAIN_X}.gz: truncated, 496 bytes expected, "
        "26 bytes found."
    )
    assert [path.name for path in (tmp_path / "mnist").iterdir()] == [".mnist.lock"]


def test_a_content_that_goes_on_and_on_is_cut_off(tmp_path: Path, mirror: Mirror) -> None:
    mirror.contents[f"{TRAIN_X}.gz"], mirror.lengths = bytes(4 << 20), False

    with pytest.raises(DataError, match=r"\.gz: sends more than \d+ bytes\.$"):
        fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert (tmp_path / "mnist" / f"{TRAIN_X}.gz.part").stat().st_size == 0


def test_when_no_mirror_answers_each_is_named_and_what_to_do(tmp_path: Path, mirror: Mirror, dead: str) -> None:
    with serving(Mirror({})) as empty, pytest.raises(DataError) as raised:
        fetch("mnist", tmp_path, mirrors=[dead, empty.address])

    assert raised.value.message == (
        f"mnist: no mirror gave {TRAIN_X}.gz. {dead}{TRAIN_X}.gz: Connection refused; "
        f"{empty.address}{TRAIN_X}.gz: answers 404 Not Found."
    )
    assert raised.value.hint == (
        f"copy it into {tmp_path / 'mnist'} by hand, or name a folder that has it in SENSDB_DATA; "
        "sensdb data check mnist then verifies it."
    )


def test_a_mirror_that_falls_silent_counts_as_dead(
    tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensdb.datasets.fetch.SILENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"

        fetch("mnist", tmp_path, mirrors=[address, mirror.address])

    assert load_dataset("mnist", [tmp_path]).y_test.tolist() == list(range(10))


def test_an_archive_stays_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = small_cifar(CIFAR10, 40, 10)
    archive = tar_gz(members)
    monkeypatch.setitem(SOURCES, "cifar10", cifar_source(CIFAR10, members, archive))
    with serving(Mirror({"small-binary.tar.gz": archive}, cuts=[70_000])) as mirror:
        paths = fetch("cifar10", tmp_path, mirrors=[mirror.address])

    assert paths == [tmp_path / "cifar10" / "small-binary.tar.gz"]
    assert load_dataset("cifar10", [tmp_path]).x_test.shape == (10, 32, 32, 3)


def test_digits_need_no_fetching(tmp_path: Path) -> None:
    assert fetch("digits", tmp_path) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("mnits", "no data set 'mnits'.", "did you mean 'mnist'? allowed: "),
        ("npz:" + "a" * 64, f"npz:{'a' * 64} is nowhere to fetch: it is your own file.", "name its folder"),
    ],
)
def test_only_official_data_sets_are_fetched(tmp_path: Path, name: str, message: str, hint: str) -> None:
    with pytest.raises(DataError) as raised:
        fetch(name, tmp_path)

    assert raised.value.message == message
    assert str(raised.value.hint).startswith(hint)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(DataError) as raised:
        fetch("mnist", tmp_path / "file", mirrors=[mirror.address])

    assert raised.value.message == f"{tmp_path / 'file' / 'mnist'} cannot be written: Not a directory."


def test_two_fetches_of_one_data_set_do_not_mix(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "mnist").mkdir()
    with (tmp_path / "mnist" / ".mnist.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError) as raised:
            fetch("mnist", tmp_path, mirrors=[mirror.address])

    assert raised.value.message == f"another fetch of mnist writes to {tmp_path / 'mnist'}."
    assert fetch("mnist", tmp_path, mirrors=[mirror.address])


def test_check_of_an_npz_says_where_it_lies(tmp_path: Path) -> None:
    from sensdb.datasets.npz import npz_info
    from tests.datasets.written import write_npz

    path = write_npz(tmp_path / "own.npz")
    name = npz_info(path).name

    assert [(each.state, each.path) for each in check(name, [tmp_path])] == [("ok", path)]
    assert [(each.state, each.path) for each in check(name, [])] == [("missing", None)]
    assert [each.state for each in check(name, [], last_path=path)] == ["ok"]


def test_a_client_that_hangs_up_early_leaves_no_traceback_of_the_mirror(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(Mirror({"large": bytes(64 << 20)})) as mirror:
        host, port = mirror.address.removeprefix("http://").split("/")[0].split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET /sets/large HTTP/1.0\r\n\r\n")
            client.recv(1)

    assert capfd.readouterr() == ("", "")
