"""Database URLs: read one, show one without its secrets, refuse those that cannot work."""

from __future__ import annotations

import os
import re
from pathlib import Path

import sqlalchemy as sa

from sensdb.errors import DatabaseError, did_you_mean, nearest

DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
SECRETS = ("password", "passfile", "sslpassword", "sslkey")
FORMS = "allowed: sqlite:///results.db, sqlite:////folder/results.db, postgresql://user@host/name."

# Kept by several hosts at once, where SQLite's locks are not reliable. 9p and virtiofs are left out: they carry the
# disk of one host into a virtual machine.
NETWORK_FILE_SYSTEMS = frozenset(
    {"afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.ceph-fuse", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs"}
    | {"gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2"}
    | {"smb3", "smbfs", "wekafs"}
)


def parse_url(text: str) -> sa.URL:
    """The URL of a database as SQLAlchemy takes it.

    `postgresql://` and `postgres://` mean the psycopg driver; host, user, password and name may be left to libpq
    (PGHOST and its kin, ~/.pgpass). `sqlite:///a.db` is relative to the working folder, `sqlite:////a.db` is not.

    Raises:
        DatabaseError: not a URL, an unknown scheme (with the nearest match), an SQLite URL without a file or with
            parameters. The text given is shown with its secrets masked.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        hint = FORMS if re.search(r"[=@\s]", text) or not text else f"for a file: sqlite:///{text}"
        raise DatabaseError(f"'{mask(text)}' is not a database URL.", hint)
    if scheme not in DRIVERS:
        raise DatabaseError(
            f"'{scheme}' is not a kind of database sensdb knows, in {mask(text)}.",
            did_you_mean(scheme, DRIVERS, None if nearest(scheme, DRIVERS) else FORMS),
        )
    try:
        url = sa.make_url(f"{DRIVERS[scheme]}://{rest}")
    except (sa.exc.ArgumentError, ValueError):  # its message repeats the text, password and all
        raise DatabaseError(f"{mask(text)} cannot be read as a database URL.", FORMS) from None
    if "@" in (url.host or ""):
        raise DatabaseError(
            f"{mask(text)} has an @ too many.", "within a user name or password it is written %40, a / %2F, a : %3A."
        )
    if url.get_backend_name() == "sqlite":
        _check_sqlite_url(url, text)
    return url


def _check_sqlite_url(url: sa.URL, text: str) -> None:
    if url.host or url.username or url.port:
        raise DatabaseError(
            f"{mask(text)} names a host, but SQLite is a file.", f"with three slashes: sqlite:///{url.host}"
        )
    if not url.database or url.database == ":memory:":
        raise DatabaseError(
            f"{mask(text)} names no file; several processes share a database, so it cannot be in memory.", FORMS
        )
    if url.query:
        raise DatabaseError(
            f"{mask(text)} has parameters, which an SQLite URL of sensdb does not take.",
            "a question mark in a file's name is written %3F.",
        )


def mask(url: str | sa.URL) -> str:
    """The URL to show: password, and secrets among its parameters, as `***`. Any text is taken, URL or not."""
    if isinstance(url, sa.URL):
        return _mask_parameters(url.render_as_string(hide_password=True))
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        parsed = None
    # Not a URL, or an unescaped @ in the password, half of which would be shown as the host.
    if parsed is None or "@" in (parsed.host or ""):
        # Greedy up to the last @, for a password may hold any character: rather too much is masked than too little.
        return _mask_parameters(re.sub(r"^((?:[^:/]*://)?[^:/@]*):(?!//).*@", r"\1:***@", url, flags=re.DOTALL))
    return _mask_parameters(parsed.render_as_string(hide_password=True) if parsed.password else url)


def _mask_parameters(text: str) -> str:
    keys = "|".join(SECRETS)
    shown = re.sub(rf"([?&;](?:{keys})=)[^&;]*", r"\1***", text, flags=re.IGNORECASE)
    return re.sub(rf"(^|\s)((?:{keys})\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)", r"\1\2***", shown, flags=re.IGNORECASE)


def secrets_of(url: sa.URL) -> list[str]:
    """The secret texts in a URL, so that they can be taken out of a driver's message."""
    found = [url.password] if url.password else []
    for key, value in url.query.items():
        if key.lower() in SECRETS:
            found += [value] if isinstance(value, str) else list(value)
    return [secret for secret in found if secret]


def sqlite_path(url: sa.URL) -> Path:
    """The file of an SQLite URL, absolute."""
    return Path(os.path.abspath(url.database or ""))


def check_sqlite_place(url: sa.URL, *, must_exist: bool, mounts: Path = Path("/proc/mounts")) -> Path:
    """The file of an SQLite URL, after looking whether it can be used there.

    Raises:
        DatabaseError: its folder is missing, the file is missing (where it must exist) or is a folder, or it lies
            on a network file system.
    """
    path = sqlite_path(url)
    if not path.parent.is_dir():
        raise DatabaseError(f"{mask(url)}: there is no folder {path.parent}.", f"mkdir -p {path.parent}")
    if path.is_dir():
        raise DatabaseError(f"{mask(url)}: {path} is a folder, not a file.", f"{mask(url).rstrip('/')}/sensdb.db")
    kind = network_file_system(path.parent, mounts)
    if kind:
        raise DatabaseError(
            f"{mask(url)} lies on a network file system ({kind}); workers on several hosts can damage it.",
            "use a folder on a local disk, or PostgreSQL: postgresql://user@host/name",
        )
    if must_exist and not path.exists():
        raise DatabaseError(f"{mask(url)}: there is no such database file.", "sensdb init creates it.")
    return path


def network_file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The kind of network file system a folder lies on, or None where it is local or the system does not say.

    Args:
        folder: an existing folder.
        mounts: the kernel's table of mounts, Linux alone has it; another file in tests.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    real = folder.resolve()
    best: tuple[int, str] = (-1, "")
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        # The kernel writes blanks and backslashes as three octal digits.
        place = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        # A later mount on the same place hides the earlier one.
        if real.is_relative_to(place) and len(place.parts) >= best[0]:
            best = (len(place.parts), fields[2])
    return best[1] if best[1] in NETWORK_FILE_SYSTEMS else None
