"""The data dictionary: what every table, view and column means, as rows for all and as comments on PostgreSQL."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.views import VIEWS, data_type


@dataclass(frozen=True)
class Entry:
    """A row of data_dictionary; `column_name` is empty where a table or view itself is described."""

    table_name: str
    column_name: str
    data_type: str
    unit: str
    description: str


def entries() -> list[Entry]:
    """Every table with its columns, then every view with its own, in the order of the schema."""
    found: list[Entry] = []
    for table in schema.metadata.sorted_tables:
        found.append(Entry(table.name, "", "", "", table.comment or ""))
        found += [
            Entry(table.name, column.name, data_type(column), column.info.get("unit", ""), column.comment or "")
            for column in table.columns
        ]
    for view in VIEWS.values():
        found.append(Entry(view.name, "", "", "", view.description))
        found += [
            Entry(view.name, column.name, column.data_type, column.unit, column.description) for column in view.columns
        ]
    return found


def describe(connection: sa.Connection) -> None:
    """Fill data_dictionary anew, and on PostgreSQL set the same texts as comments."""
    rows = entries()
    connection.execute(schema.data_dictionary.delete())
    connection.execute(schema.data_dictionary.insert(), [asdict(entry) for entry in rows])
    if connection.dialect.name == "postgresql":
        # COMMENT takes no parameters. In one message all of them take 7 ms, one by one five times as long.
        connection.exec_driver_sql(";\n".join(_comment(entry) for entry in rows))


def _comment(entry: Entry) -> str:
    kind = "VIEW" if entry.table_name in VIEWS else "TABLE"
    target = f"COLUMN {entry.table_name}.{entry.column_name}" if entry.column_name else f"{kind} {entry.table_name}"
    # Percent signs are doubled for the driver, quotes for SQL; the server takes backslashes as they are.
    text = entry.description.replace("'", "''").replace("%", "%%")
    return f"COMMENT ON {target} IS '{text}'"
