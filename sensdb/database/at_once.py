"""One statement as a whole transaction, in one way to the PostgreSQL server and back.

A claim or a finish of one job is a single statement, and the server takes less time over it than the ways there and
back of BEGIN and COMMIT and the layers around them do: measured over loopback, such a pair takes a third of the time.
The price is that nothing is known of a statement whose answer is lost, not even what it would have answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from sensdb.database.engine import LIMITED, POSTGRESQL_LIMITS, connection_error


class Rows:
    """What a statement returned, as named tuples."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def all(self) -> Sequence[Any]:
        """Every row."""
        return self._rows

    def scalar_one(self) -> Any:
        """The one column of the one row."""
        ((value,),) = self._rows
        return value


class AtOnce:
    """Takes the place of a connection for work that is one statement, which is committed by itself.

    POSTGRESQL_LIMITS hold for it; they are sent along where the session did not take them, so that a pooler in
    transaction mode may stand between.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._used = False

    def execute(self, statement: sa.TextClause, parameters: Mapping[str, object]) -> Rows:
        """Execute and commit.

        Raises:
            sqlalchemy.exc.DBAPIError: nothing was done, unless the connection was lost: then nobody knows.
            DatabaseError: no connection.
            RuntimeError: it is the second statement; it would be a second transaction.
        """
        if self._used:
            raise RuntimeError("one statement alone can be executed at once.")
        sql = _in_words_of_the_driver(statement.text)
        error_kind = self.engine.dialect.loaded_dbapi.Error
        try:
            # From the pool: a Connection of SQLAlchemy around it takes a tenth of the whole time.
            connection = self.engine.raw_connection()
        except error_kind as error:
            raise connection_error(self.engine.url, error) from error
        driver: Any = connection.driver_connection
        self._used = True
        try:
            if connection.info.get(LIMITED):
                return self._committed_by_itself(driver, sql, parameters)
            return self._with_its_limits(driver, sql, parameters)
        except error_kind as error:
            lost = self.engine.dialect.is_disconnect(error, driver, None)
            if lost:
                connection.invalidate(error)
            raise sa.exc.DBAPIError.instance(
                sql, dict(parameters), error, error_kind, connection_invalidated=lost, dialect=self.engine.dialect
            ) from error
        finally:
            connection.close()

    def _committed_by_itself(self, driver: Any, sql: str, parameters: Mapping[str, object]) -> Rows:
        driver.autocommit = True
        try:
            with _cursor(driver) as cursor:
                self.engine.dialect.do_execute(cursor, sql, parameters)
                return Rows(cursor.fetchall())
        finally:
            if not driver.closed:
                driver.autocommit = False

    def _with_its_limits(self, driver: Any, sql: str, parameters: Mapping[str, object]) -> Rows:
        """BEGIN, the limits, the statement and COMMIT, sent together."""
        settings = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in POSTGRESQL_LIMITS.items())
        try:
            with driver.pipeline(), _cursor(driver) as cursor:
                driver.execute(f"select {settings}")
                self.engine.dialect.do_execute(cursor, sql, parameters)
                driver.commit()
                rows = cursor.fetchall()
            return Rows(rows)
        except self.engine.dialect.loaded_dbapi.Error:
            if not driver.closed:
                driver.rollback()
            raise


Executor = sa.Connection | AtOnce
"""What executes work that is one statement."""


def _cursor(driver: Any) -> Any:
    from psycopg.rows import namedtuple_row

    return driver.cursor(row_factory=namedtuple_row)


@lru_cache(maxsize=256)
def _in_words_of_the_driver(sql: str) -> str:
    """The statement with its parameters spelled as the driver does."""
    return str(sa.text(sql).compile(dialect=sa.make_url("postgresql+psycopg://").get_dialect()()))
