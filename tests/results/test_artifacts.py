"""Stored files: named by content, checked when read, never outside their folder; the rows that name them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import fsspec
import pytest
import sqlalchemy as sa

from sensdb.database.engine import writing
from sensdb.errors import ArtifactError, WorkerFault
from sensdb.jobs.queue import Queue
from sensdb.results.artifacts import Artifact, ArtifactStore, find_artifacts, note_artifacts
from tests.conformance.factories import enqueue, query, some_specs

IDENTITY = "0f7f3a7e-52a1-4c39-9d3c-6a4a1f1d2b3c"
OTHER = "11111111-2222-3333-4444-555555555555"
DATA = b"the numbers of a network"
SHA = hashlib.sha256(DATA).hexdigest()
URI = f"{IDENTITY}/weights/{SHA[:2]}/{SHA}.safetensors"


@pytest.fixture(params=["folder", "file URL", "fsspec"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for artifacts of each kind, empty."""
    if request.param == "fsspec":
        files = fsspec.filesystem("memory")
        if files.exists("/bucket"):
            files.rm("/bucket", recursive=True)
        return "memory://bucket/artifacts"
    return f"{'file://' if request.param == 'file URL' else ''}{tmp_path / 'artifacts'}"


def overwrite(url: str, uri: str, data: bytes) -> None:
    """Alter a stored file behind the store's back."""
    with fsspec.open(f"{url}/{uri}", "wb") as file:
        file.write(data)


def listed(url: str) -> list[str]:
    """Every file of the place, by its name within it."""
    files, root = fsspec.core.url_to_fs(url)
    return sorted(path.removeprefix(root).lstrip("/") for path in files.find(root))


class TestFiles:
    def test_a_file_is_named_by_its_content_and_reads_back(self, url: str) -> None:
        artifact = ArtifactStore(url, IDENTITY).put("weights", DATA, "safetensors")

        assert artifact == Artifact("weights", URI, SHA, len(DATA))
        assert ArtifactStore(url, IDENTITY).get(artifact) == DATA

    def test_the_same_file_again_changes_nothing_and_nothing_temporary_stays(self, url: str) -> None:
        store = ArtifactStore(url, IDENTITY)

        assert store.put("weights", DATA, "safetensors") == store.put("weights", DATA, "safetensors")
        assert listed(url) == [URI]

    def test_a_missing_file_is_named_with_what_was_expected(self, url: str) -> None:
        store = ArtifactStore(url, IDENTITY)
        store.put("weights", b"another", "safetensors")

        with pytest.raises(ArtifactError) as raised:
            store.get(Artifact("weights", URI, SHA, len(DATA)))

        assert raised.value.message == f"artifact {URI} is missing in {url}: sha256 {SHA} expected, no file found."

    def test_an_altered_file_is_named_with_both_checksums(self, url: str) -> None:
        store = ArtifactStore(url, IDENTITY)
        artifact = store.put("weights", DATA, "safetensors")
        overwrite(url, URI, b"other numbers")

        with pytest.raises(ArtifactError) as raised:
            store.get(artifact)

        found = hashlib.sha256(b"other numbers").hexdigest()
        assert raised.value.message == f"artifact {URI} in {url} is altered: sha256 {SHA} expected, {found} found."

    def test_storing_an_altered_file_anew_repairs_it(self, url: str) -> None:
        store = ArtifactStore(url, IDENTITY)
        artifact = store.put("weights", DATA, "safetensors")
        overwrite(url, URI, b"other numbers")

        store.put("weights", DATA, "safetensors")

        assert store.get(artifact) == DATA

    def test_a_folder_without_anything_of_the_database_is_a_fault_of_the_worker(self, url: str) -> None:
        ArtifactStore(url, OTHER).put("weights", DATA, "safetensors")
        ArtifactStore(url, IDENTITY).probe()

        with pytest.raises(WorkerFault) as raised:
            ArtifactStore(url, IDENTITY).get(Artifact("weights", URI, SHA, len(DATA)))

        assert raised.value.message == f"{url} holds no artifact of this database; {URI} is expected in it."
        assert raised.value.hint == "SENSDB_ARTIFACTS names the folder or URL that the workers share."

    def test_probing_leaves_nothing_behind(self, url: str) -> None:
        ArtifactStore(url, IDENTITY).probe()

        assert listed(url) == []

    def test_removed_files_are_gone_and_removing_them_again_is_no_error(self, url: str) -> None:
        store = ArtifactStore(url, IDENTITY)
        store.put("weights", DATA, "safetensors")

        assert store.remove([URI]) == store.remove([URI]) == []
        assert listed(url) == []

    def test_files_of_another_database_are_never_removed(self, url: str) -> None:
        other = ArtifactStore(url, OTHER).put("weights", DATA, "safetensors")

        left = ArtifactStore(url, IDENTITY).remove([other.uri])

        assert left == [f"{other.uri}: not a file of this database."]
        assert listed(url) == [other.uri]


class TestPaths:
    @pytest.mark.parametrize(
        "uri", ["/etc/passwd", "../secret", f"{IDENTITY}/weights/../../secret", f"{URI}/../../x", "", "s3://x/y"]
    )
    def test_a_name_that_leads_elsewhere_is_neither_read_nor_removed(self, url: str, tmp_path: Path, uri: str) -> None:
        (tmp_path / "secret").write_text("kept")
        store = ArtifactStore(url, IDENTITY)

        with pytest.raises(ArtifactError) as raised:
            store.get(Artifact("weights", uri, SHA, len(DATA)))

        assert raised.value.message == f"{uri!r} is no name of an artifact."
        assert store.remove([uri]) == [f"{uri}: not a file of this database."]
        assert (tmp_path / "secret").read_text() == "kept"

    @pytest.mark.parametrize("linked", ["", "weights", f"weights/{SHA[:2]}", f"weights/{SHA[:2]}/{SHA}.safetensors"])
    def test_no_link_leads_out_of_the_folder(self, tmp_path: Path, linked: str) -> None:
        outside = tmp_path / "outside"
        target = outside.joinpath(*URI.removeprefix(f"{IDENTITY}/{linked}").strip("/").split("/"))
        if linked.endswith("safetensors"):
            target = outside / "file"
        target.parent.mkdir(parents=True)
        target.write_bytes(DATA)
        link = tmp_path / "artifacts" / IDENTITY / linked
        link.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(target if linked.endswith("safetensors") else outside, str(link).rstrip("/"))
        store = ArtifactStore(str(tmp_path / "artifacts"), IDENTITY)
        message = f"artifact {URI} lies outside the artifact folder {tmp_path / 'artifacts'}: at {target}."

        for attempt in (
            lambda: store.get(Artifact("weights", URI, SHA, len(DATA))),
            lambda: store.put("weights", DATA, "safetensors"),
        ):
            with pytest.raises(ArtifactError) as raised:
                attempt()
            assert raised.value.message == message
        assert store.remove([URI]) == [f"{URI}: {message}"]
        assert target.read_bytes() == DATA
        assert sorted(path for path in outside.rglob("*") if path.is_file()) == [target]

    def test_the_folder_itself_may_be_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "artifacts").symlink_to(tmp_path / "disk")
        store = ArtifactStore(str(tmp_path / "artifacts"), IDENTITY)

        assert store.get(store.put("weights", DATA, "safetensors")) == DATA


class TestFaults:
    def test_a_folder_that_cannot_be_written_is_a_fault_of_the_worker(self, tmp_path: Path) -> None:
        (tmp_path / "artifacts").write_text("a file")

        with pytest.raises(WorkerFault) as raised:
            ArtifactStore(str(tmp_path / "artifacts"), IDENTITY).probe()

        assert raised.value.message == f"artifacts in {tmp_path / 'artifacts'}: Not a directory."
        assert raised.value.hint == "SENSDB_ARTIFACTS names another folder or URL."

    @pytest.mark.parametrize(
        ("url", "why"),
        [("s3://user:canary@bucket/x", "Install s3fs to access S3"), ("s4://b", "Protocol not known: s4")],
    )
    def test_a_url_that_nothing_here_understands_is_a_fault_of_the_worker(self, url: str, why: str) -> None:
        with pytest.raises(WorkerFault) as raised:
            ArtifactStore(url, IDENTITY).put("weights", DATA, "safetensors")

        assert raised.value.message.endswith(f" cannot be used for artifacts: {why}.")
        assert "canary" not in raised.value.message
        assert raised.value.hint == "SENSDB_ARTIFACTS takes a folder, or a URL whose fsspec package is installed."


class TestRows:
    def _note(self, engine: sa.Engine, artifacts: dict[int, list[Artifact]]) -> None:
        with writing(engine) as connection:
            note_artifacts(connection, artifacts)

    def test_a_noted_file_is_found_by_its_model(self, engine: sa.Engine) -> None:
        enqueue(Queue(engine), some_specs(3))
        files = {model_id: Artifact("weights", f"w/{model_id}", SHA, 7) for model_id in (1, 3)}

        self._note(engine, {model_id: [file] for model_id, file in files.items()})
        self._note(engine, {3: [files[3]]})
        self._note(engine, {})

        with engine.connect() as connection:
            assert find_artifacts(connection, "weights", [1, 2, 3]) == files
            assert find_artifacts(connection, "weights", [2]) == find_artifacts(connection, "regions", [1]) == {}
        assert query(engine, "select count(*) from artifacts") == [(2,)]

    def test_a_new_file_of_a_kind_takes_the_place_of_the_old(self, engine: sa.Engine) -> None:
        enqueue(Queue(engine), some_specs(2))
        weights, picture = Artifact("weights", "w/1", SHA, 7), Artifact("regions", "r/1", SHA, 9)
        self._note(engine, {1: [weights, picture], 2: [weights]})

        self._note(engine, {1: [Artifact("weights", "w/2", "b" * 64, 8)]})

        rows = query(engine, "select model_id, uri from artifacts order by model_id, uri")
        assert rows == [(1, "r/1"), (1, "w/2"), (2, "w/1")]

    def test_every_database_has_an_identity_of_its_own(self, engine: sa.Engine) -> None:
        identity = Queue(engine).identity

        ArtifactStore("/nowhere", identity)
        assert query(engine, "select identity from database_identity") == [(identity,)]
