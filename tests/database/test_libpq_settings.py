"""Connections as users of libpq expect them: a service, a password file, TLS, from the URL or around it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine, reading
from sensdb.errors import DatabaseError
from sensdb.mirror.sync import sync


@pytest.fixture
def service(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sa.URL:
    """A service file that says where the server is; the URL names the service alone."""
    url = sa.make_url(postgresql_url)
    file = tmp_path / "services.conf"
    file.write_text(f"[lab]\nhost={url.host}\nport={url.port}\nuser={url.username}\ndbname={url.database}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    return url


def test_a_service_named_in_the_url_is_used_by_the_queue_and_the_mirror(service: sa.URL, tmp_path: Path) -> None:
    engine = open_engine("postgresql://?service=lab")
    with reading(engine) as connection:
        assert connection.exec_driver_sql("select current_database()").scalar_one() == service.database
    engine.dispose()

    assert sync("postgresql://?service=lab", tmp_path / "cache").segments == ()


def test_a_server_without_tls_is_refused_where_tls_is_asked_for(postgresql_url: str) -> None:
    url = sa.make_url(postgresql_url).update_query_dict({"sslmode": "require"})
    engine = open_engine(url)

    with pytest.raises(DatabaseError, match="server does not support SSL, but SSL was required"):
        with reading(engine):
            pass
    engine.dispose()
