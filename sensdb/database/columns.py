"""The kinds of column the schema is made of, and the three places where SQLite and PostgreSQL need other words.

Every table is STRICT on SQLite, so only INTEGER, REAL and TEXT exist there: whole numbers, flags and keys are
INTEGER, reals of either width REAL, moments TEXT. PostgreSQL has its own types for each.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

LARGEST_KEY = 2**53 - 1
"""Keys, seeds and counts stay within it: JavaScript-based BI tools round whole numbers beyond."""

SQLITE_NOW = "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"
"""The database's clock as SQLite stores it: UTC text of 26 characters whose order is the order of time."""

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
}

metadata = sa.MetaData(naming_convention=NAMING)

BIGINT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REAL4: sa.types.TypeEngine[Any] = sa.REAL()
REAL8: sa.types.TypeEngine[Any] = sa.Double().with_variant(sa.REAL(), "sqlite")


class UtcTimestamp(sa.types.TypeDecorator[dt.datetime]):
    """A moment in UTC: timestamptz on PostgreSQL, text `2026-01-31 12:00:00.000000` on SQLite.

    Takes and gives aware datetimes. A naive one is refused, for nobody can say which moment it means; SQLAlchemy's
    own type would drop the offset on SQLite without converting.
    """

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; moments are stored in UTC.")
        moment = value.astimezone(dt.UTC)
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
        moment: dt.datetime = value
        return moment.astimezone(dt.UTC)


class Flag(sa.types.TypeDecorator[bool]):
    """True or false: boolean on PostgreSQL, INTEGER 0 or 1 on SQLite, whose strict tables know no boolean."""

    impl = sa.Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.Integer() if dialect.name == "sqlite" else sa.Boolean())

    def process_bind_param(self, value: bool | None, dialect: sa.Dialect) -> Any:
        return value if value is None or dialect.name != "sqlite" else int(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> bool | None:
        return None if value is None else bool(value)


class DatabaseNow(sa.sql.expression.ColumnElement[Any]):
    """The database's clock in the form its timestamp columns hold; a column default."""

    inherit_cache = True


@compiles(DatabaseNow, "sqlite")
def _sqlite_now(element: DatabaseNow, compiler: SQLCompiler, **_: Any) -> str:
    return SQLITE_NOW


@compiles(DatabaseNow, "postgresql")
def _postgresql_now(element: DatabaseNow, compiler: SQLCompiler, **_: Any) -> str:
    return "now()"


class Finite(sa.sql.expression.ColumnElement[bool]):
    """The condition that columns are no infinity and not NaN; NULL passes a CHECK.

    The two need other literals: PostgreSQL spells infinity as text, which SQLite would compare as text. NaN lies
    above infinity on PostgreSQL and is stored as NULL by SQLite.
    """

    inherit_cache = False

    def __init__(self, *names: str) -> None:
        self.names = names

    def within(self, low: str, high: str) -> str:
        """The condition, with each database's way to write the two infinities."""
        return " AND ".join(f"{name} > {low} AND {name} < {high}" for name in self.names)


@compiles(Finite, "sqlite")
def _sqlite_finite(element: Finite, compiler: SQLCompiler, **_: Any) -> str:
    return element.within("-9e999", "9e999")


@compiles(Finite, "postgresql")
def _postgresql_finite(element: Finite, compiler: SQLCompiler, **_: Any) -> str:
    return element.within("'-infinity'", "'infinity'")


def table(name: str, *items: sa.schema.SchemaItem, comment: str, **more: Any) -> sa.Table:
    """A table, STRICT on SQLite, where columns whose type SQLite lacks get a CHECK instead."""
    made = sa.Table(name, metadata, *items, comment=comment, sqlite_strict=True, **more)
    for column in made.columns:
        if isinstance(column.type, Flag):
            check = sa.CheckConstraint(f"{column.name} IN (0, 1)", name=f"{column.name}_flag")
        elif isinstance(column.type, UtcTimestamp):
            check = sa.CheckConstraint(f"length({column.name}) = 26", name=f"{column.name}_form")
        else:
            continue
        made.append_constraint(check.ddl_if(dialect="sqlite"))
    return made


def text(name: str, comment: str, *, nullable: bool = False, **more: Any) -> sa.Column[Any]:
    """A text column."""
    return sa.Column(name, sa.Text(), nullable=nullable, comment=comment, **more)


def sha256(name: str, comment: str, *, nullable: bool = False, **more: Any) -> sa.Column[Any]:
    """A SHA-256 in 64 hexadecimal characters."""
    check = sa.CheckConstraint(f"length({name}) = 64", name=f"{name}_length")
    return sa.Column(name, sa.Text(), check, nullable=nullable, comment=comment, **more)


def one_of(name: str, comment: str, values: tuple[str, ...], *, nullable: bool = False, **more: Any) -> sa.Column[Any]:
    """A text column that holds one of `values`."""
    listed = ", ".join(f"'{value}'" for value in values)
    check = sa.CheckConstraint(f"{name} IN ({listed})", name=name)
    return sa.Column(name, sa.Text(), check, nullable=nullable, comment=comment, **more)


def integer(name: str, comment: str, *, nullable: bool = False, unit: str = "", **more: Any) -> sa.Column[Any]:
    """A whole number of 4 bytes."""
    return sa.Column(name, sa.Integer(), nullable=nullable, comment=comment, info={"unit": unit}, **more)


def bigint(name: str, comment: str, *, nullable: bool = False, unit: str = "", **more: Any) -> sa.Column[Any]:
    """A whole number from 0 to 2^53 - 1."""
    check = sa.CheckConstraint(f"{name} BETWEEN 0 AND {LARGEST_KEY}", name=f"{name}_range")
    return sa.Column(name, BIGINT, check, nullable=nullable, comment=comment, info={"unit": unit}, **more)


def real(
    name: str, comment: str, *, nullable: bool = True, unit: str = "", width: Literal[4, 8] = 8, **more: Any
) -> sa.Column[Any]:
    """A finite real number of 8 or 4 bytes (SQLite always keeps 8); NULL where the number does not exist."""
    check = sa.CheckConstraint(Finite(name), name=f"{name}_finite")
    kind = REAL4 if width == 4 else REAL8
    return sa.Column(name, kind, check, nullable=nullable, comment=comment, info={"unit": unit}, **more)


def flag(name: str, comment: str, *, nullable: bool = False, **more: Any) -> sa.Column[Any]:
    """A true or false; SQLite's INTEGER is held to 0 and 1."""
    return sa.Column(name, Flag(), nullable=nullable, comment=comment, **more)


def moment(name: str, comment: str, *, nullable: bool = False, **more: Any) -> sa.Column[Any]:
    """A moment in UTC; SQLite's text is held to its 26 characters, so that text order stays time order."""
    return sa.Column(name, UtcTimestamp(), nullable=nullable, comment=comment, **more)


def serial(name: str, comment: str) -> sa.Column[Any]:
    """A primary key the database numbers from 1 and never gives out twice."""
    check = sa.CheckConstraint(f"{name} BETWEEN 1 AND {LARGEST_KEY}", name=f"{name}_range")
    identity = sa.Identity(always=False, maxvalue=LARGEST_KEY)
    return sa.Column(name, BIGINT, identity, check, primary_key=True, comment=comment)


def model_key(*, primary_key: bool = False) -> sa.Column[Any]:
    """The model a row belongs to. No cascade: what hangs on a model is deleted by name, never as a side effect."""
    return sa.Column(
        "model_id",
        BIGINT,
        sa.ForeignKey("models.model_id"),
        primary_key=primary_key,
        nullable=False,
        comment="The model; key of table models.",
    )


def bulk_model_key() -> sa.Column[Any]:
    """The model a row of a bulk table belongs to, without a foreign key.

    PostgreSQL looks it up for each row, which makes a load three times as long (640,000 points by COPY: 4.1 s with
    it, 1.3 s without). The writer stores the rows in the transaction that stores the model's result.
    """
    return sa.Column(
        "model_id", BIGINT, primary_key=True, autoincrement=False, comment="The model; key of table models."
    )
