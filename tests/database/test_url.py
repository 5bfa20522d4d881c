"""URLs: what is accepted, what is refused and with which words, and that no secret is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sensdb.database.url import check_sqlite_place, mask, network_file_system, parse_url, secrets_of, sqlite_path
from sensdb.errors import DatabaseError

CANARY = "kanari€nvogel"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_means_the_psycopg_driver(scheme: str) -> None:
    url = parse_url(f"{scheme}://bob@db.example:5433/lab?sslmode=require")

    assert url.drivername == "postgresql+psycopg"
    assert (url.username, url.host, url.port, url.database) == ("bob", "db.example", 5433, "lab")
    assert url.query == {"sslmode": "require"}


def test_host_user_and_name_may_be_left_to_libpq() -> None:
    url = parse_url("postgresql://")

    assert (url.host, url.username, url.database) == (None, None, None)


def test_three_slashes_are_relative_and_four_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert sqlite_path(parse_url("sqlite:///a.db")) == tmp_path / "a.db"
    assert sqlite_path(parse_url("sqlite:////srv/a.db")) == Path("/srv/a.db")
    assert sqlite_path(parse_url("sqlite+pysqlite:////srv/a%3F.db")) == Path("/srv/a?.db")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("results.db", "'results.db' is not a database URL.", "for a file: sqlite:///results.db"),
        ("", "'' is not a database URL.", "allowed: sqlite:///results.db, sqlite:////folder/results.db, "),
        (
            "postgre://h/d",
            "'postgre' is not a kind of database sensdb knows, in postgre://h/d.",
            "did you mean 'postgres'?",
        ),
        (
            "mysql://h/d",
            "'mysql' is not a kind of database sensdb knows, in mysql://h/d.",
            "allowed: sqlite:///results.db",
        ),
        ("sqlite://a.db", "sqlite://a.db names a host, but SQLite is a file.", "with three slashes: sqlite:///a.db"),
        (
            "sqlite:///:memory:",
            "sqlite:///:memory: names no file; several processes share a database, so it cannot be in memory.",
            "allowed: sqlite:///results.db",
        ),
        (
            "sqlite:///a.db?mode=ro",
            "sqlite:///a.db?mode=ro has parameters, which an SQLite URL of sensdb does not take.",
            "a question mark in a file's name is written %3F.",
        ),
        ("postgresql://h:port/d", "postgresql://h:port/d cannot be read as a database URL.", "allowed: sqlite:///"),
        ("postgresql://u:a@b@h/d", "postgresql://u:***@h/d has an @ too many.", "within a user name or password it is"),
        ("host=h password=geheim", "'host=h password=***' is not a database URL.", "allowed: sqlite:///results.db"),
    ],
)
def test_what_is_no_url_is_refused_with_a_hint(text: str, message: str, hint: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        parse_url(text)

    assert raised.value.message == message
    assert (raised.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://bob:geheim@db/lab", "postgresql://bob:***@db/lab"),
        ("postgresql://:geheim@db/lab", "postgresql://:***@db/lab"),
        ("postgresql://db/lab?password=geheim&sslmode=require", "postgresql://db/lab?password=***&sslmode=require"),
        (
            "postgresql://db/lab?sslkey=/k&PASSFILE=/p&sslpassword=geheim",
            "postgresql://db/lab?sslkey=***&PASSFILE=***&sslpassword=***",
        ),
        ("postgresql://bob:ge/he@im@db/lab", "postgresql://bob:***@db/lab"),
        ("bob:geheim@db/lab", "bob:***@db/lab"),
        ("host=db password = 'ge heim' user=bob", "host=db password = *** user=bob"),
        ("postgresql://db:5432/lab", "postgresql://db:5432/lab"),
        ("sqlite:////srv/lab.db", "sqlite:////srv/lab.db"),
    ],
)
def test_masking_hides_the_secrets_and_nothing_else(text: str, shown: str) -> None:
    assert mask(text) == shown


@given(
    st.sampled_from(
        [
            "postgresql://bob:{}@db/lab",
            "postgresql://bob:{}@db:54x/lab",
            "nonsense://bob:{}@db/lab?x=1",
            "postgresql://db/lab?password={}",
            "bob:{}@db",
            "host=db password={}",
            "postgresql://bob:x{}@y@db/lab",
        ]
    ),
    st.text(
        st.characters(codec="utf-8", exclude_characters="&; \n\r\t\f\v", exclude_categories=("Z", "C")), max_size=5
    ),
)
def test_no_password_passes_the_mask_whatever_the_text(form: str, rest: str) -> None:
    assert CANARY not in mask(form.format(CANARY + rest))


@given(st.text())
def test_mask_takes_any_text(text: str) -> None:
    assert isinstance(mask(text), str)


def test_a_parsed_url_is_masked_like_its_text() -> None:
    url = parse_url("postgresql://bob:geheim@db/lab?sslpassword=auch")

    assert mask(url) == "postgresql+psycopg://bob:***@db/lab?sslpassword=***"
    assert secrets_of(url) == ["geheim", "auch"]


def test_a_missing_folder_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path}/no/a.db")

    with pytest.raises(DatabaseError) as raised:
        check_sqlite_place(url, must_exist=False)

    assert raised.value.message == f"{url}: there is no folder {tmp_path}/no."
    assert raised.value.hint == f"mkdir -p {tmp_path}/no"


def test_a_missing_file_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path}/a.db")

    with pytest.raises(DatabaseError) as raised:
        check_sqlite_place(url, must_exist=True)

    assert raised.value.message == f"{url}: there is no such database file."
    assert raised.value.hint == "sensdb init creates it."


def test_a_folder_is_no_database_file(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"is a folder, not a file\.$") as raised:
        check_sqlite_place(sa.make_url(f"sqlite:///{tmp_path}"), must_exist=False)

    assert raised.value.hint == f"sqlite:///{tmp_path}/sensdb.db"


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    """A table of mounts: the temporary folder is local, `shared` and `with blank` in it are not, `over` was and is."""
    for name in ("shared", "with blank", "over", "shared/local"):
        (tmp_path / name).mkdir()
    table = tmp_path / "mounts"
    table.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        f"server:/x {tmp_path}/shared nfs4 rw 0 0\n"
        f"//server/y {tmp_path}/with\\040blank cifs rw 0 0\n"
        f"tmpfs {tmp_path}/shared/local tmpfs rw 0 0\n"
        f"server:/z {tmp_path}/over nfs rw 0 0\n"
        f"/dev/sdb1 {tmp_path}/over xfs rw 0 0\n"
    )
    return table


@pytest.mark.parametrize(
    ("folder", "kind"),
    [(".", None), ("shared", "nfs4"), ("with blank", "cifs"), ("shared/local", None), ("over", None)],
)
def test_a_folder_belongs_to_the_innermost_and_latest_mount(
    tmp_path: Path, mounts: Path, folder: str, kind: str | None
) -> None:
    assert network_file_system(tmp_path / folder, mounts) == kind


def test_a_link_into_a_network_file_system_is_followed(tmp_path: Path, mounts: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "shared")

    assert network_file_system(tmp_path / "link", mounts) == "nfs4"


def test_sqlite_on_a_network_file_system_is_refused(tmp_path: Path, mounts: Path) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path}/shared/a.db")

    with pytest.raises(DatabaseError) as raised:
        check_sqlite_place(url, must_exist=False, mounts=mounts)

    assert raised.value.message == (
        f"{url} lies on a network file system (nfs4); workers on several hosts can damage it."
    )
    assert raised.value.hint == "use a folder on a local disk, or PostgreSQL: postgresql://user@host/name"


def test_a_system_without_a_table_of_mounts_is_taken_as_local(tmp_path: Path) -> None:
    assert network_file_system(tmp_path, tmp_path / "none") is None
