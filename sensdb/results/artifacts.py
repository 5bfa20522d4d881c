"""Artifacts: files that belong to models, named by their content, and the rows of table `artifacts` that name them.

A file is written before the transaction that names it, so a row never names a file that was not there; a file that
no row names is harmless. Files lie apart by the identity of the database whose models they belong to: several
databases can share a folder, and none removes another's files.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.tables_results import ARTIFACT_KINDS
from sensdb.database.url import mask
from sensdb.errors import ArtifactError, SensdbError, WorkerFault
from sensdb.jobs.dialects import dialect_of, rows_json
from sensdb.results.places import Place, open_place

WEIGHTS = "weights"

_IDENTITY = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME = re.compile(rf"(?P<identity>{_IDENTITY})/(?:{'|'.join(ARTIFACT_KINDS)})/[0-9a-f]{{2}}/[0-9a-f]{{64}}\.\w+")


@dataclass(frozen=True)
class Artifact:
    """A stored file as a row of table `artifacts` names it.

    uri: its name within the artifact folder or URL, `<identity of the database>/<kind>/<2 digits>/<sha256>.<suffix>`.
    """

    kind: str
    uri: str
    sha256: str
    bytes: int


class ArtifactStore:
    """The artifacts of one database in one folder.

    Args:
        url: the folder, or any fsspec URL (`Settings.artifacts_url`); opened when it is first needed.
        identity: the database's, from `QueueReader.identity`.

    Raises, from every method: WorkerFault where the folder cannot be used from here.
    """

    def __init__(self, url: str, identity: str) -> None:
        self._url = url
        self._identity = identity

    @cached_property
    def _place(self) -> Place:
        return open_place(self._url)

    def probe(self) -> None:
        """Find out whether files can be stored, before hours are spent on what is to be in them."""
        name = f"{self._identity}/.{uuid.uuid4().hex}.probe"
        with self._usable():
            self._place.write(name, b"")
            self._place.remove(name)

    def put(self, kind: str, data: bytes, suffix: str) -> Artifact:
        """Store a file under the name its content gives it; the same file again changes nothing.

        Args:
            kind: weights or regions; suffix: of the name, without its dot.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        artifact = Artifact(kind, f"{self._identity}/{kind}/{sha256[:2]}/{sha256}.{suffix}", sha256, len(data))
        with self._usable():
            self._place.write(_checked(artifact.uri), data)
        return artifact

    def get(self, artifact: Artifact) -> bytes:
        """The content of a file, as it was stored.

        Raises:
            ArtifactError: it is missing or altered; says the checksum expected and the one found.
            WorkerFault: nothing of the database lies in the folder at all: it is another one, or not mounted here.
        """
        name = _checked(artifact.uri)
        with self._usable():
            try:
                data = self._place.read(name)
            except FileNotFoundError:
                if not self._place.has(name.partition("/")[0]):
                    raise WorkerFault(
                        f"{self._shown} holds no artifact of this database; {name} is expected in it.",
                        "SENSDB_ARTIFACTS names the folder or URL that the workers share.",
                    ) from None
                raise ArtifactError(
                    f"artifact {name} is missing in {self._shown}: sha256 {artifact.sha256} expected, no file found."
                ) from None
        found = hashlib.sha256(data).hexdigest()
        if found != artifact.sha256:
            raise ArtifactError(
                f"artifact {name} in {self._shown} is altered: sha256 {artifact.sha256} expected, {found} found."
            )
        return data

    def remove(self, uris: Iterable[str]) -> list[str]:
        """Remove files of this database; one that is gone already counts as removed.

        Returns:
            Those left, each with the reason: another database's, or the folder cannot be used from here.
        """
        left = []
        for uri in uris:
            named = _NAME.fullmatch(uri)
            if named is None or named["identity"] != self._identity:
                left.append(f"{uri}: not a file of this database.")
                continue
            try:
                with self._usable(), suppress(FileNotFoundError):
                    self._place.remove(uri)
            except SensdbError as error:
                left.append(f"{uri}: {error.message}")
        return left

    @property
    def _shown(self) -> str:
        return mask(self._url)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WorkerFault(
                f"artifacts in {self._shown}: {error.strerror or error}.",
                "SENSDB_ARTIFACTS names another folder or URL.",
            ) from None


def find_artifacts(connection: sa.Connection, kind: str, model_ids: Sequence[int]) -> dict[int, Artifact]:
    """The artifact of one kind of each model that has one, the newest where there are several; by model_id."""
    table = schema.artifacts
    chosen = sa.text(f"model_id in ({dialect_of(connection.engine).records('model_ids', model_id='bigint')})")
    query = sa.select(table).where(table.c.kind == kind, chosen).order_by(table.c.artifact_id)
    rows = connection.execute(query, {"model_ids": rows_json([key] for key in model_ids)})
    return {row.model_id: Artifact(row.kind, row.uri, row.sha256, row.bytes) for row in rows}


def note_artifacts(connection: sa.Connection, artifacts: Mapping[int, Sequence[Artifact]]) -> None:
    """Name files in the transaction of what they belong to, by model_id; others of the same kind are forgotten."""
    rows = [
        (model_id, file.kind, file.uri, file.sha256, file.bytes)
        for model_id, files in sorted(artifacts.items())
        for file in files
    ]
    if not rows:
        return
    given = dialect_of(connection.engine).records(
        "artifacts", model_id="bigint", kind="text", uri="text", sha256="text", bytes="bigint"
    )
    for statement in (
        f"delete from artifacts where (model_id, kind) in (select model_id, kind from ({given}) given)"
        f" and (model_id, uri) not in (select model_id, uri from ({given}) given)",
        "insert into artifacts (model_id, kind, uri, sha256, bytes)"
        f" select model_id, kind, uri, sha256, bytes from ({given}) given"
        " where not exists (select 1 from artifacts a where a.model_id = given.model_id and a.uri = given.uri)",
    ):
        connection.execute(sa.text(statement), {"artifacts": rows_json(rows)})


def _checked(name: str) -> str:
    """The name, if it has the form that `put` gives.

    Raises:
        ArtifactError: it has not; a row that somebody wrote by hand may lead anywhere.
    """
    if not _NAME.fullmatch(name):
        raise ArtifactError(f"{name[:200]!r} is no name of an artifact.", "the column uri was changed by hand.")
    return name
