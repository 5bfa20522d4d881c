"""Asks a database by ODBC what tests/bi/expected.py says: CONNECTION QUESTIONS WHAT.

Needs pyodbc and nothing of sensdb.
"""

from __future__ import annotations

import datetime
import json
import resource
import sys
from typing import Any

import pyodbc

EPOCH = datetime.datetime(1970, 1, 1)  # the driver gives times without their zone, in that of the session


def plain(value: Any) -> Any:
    """A value in JSON's types."""
    if isinstance(value, datetime.datetime):
        return (value - EPOCH) // datetime.timedelta(microseconds=1)
    return value


def peak() -> int:
    """Bytes that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def views(connection: pyodbc.Connection) -> dict[str, list[str]]:
    """Each view with its columns."""
    names = [row.table_name for row in connection.cursor().tables(schema="public", tableType="VIEW")]
    return {
        name: [row.column_name for row in connection.cursor().columns(table=name, schema="public")] for name in names
    }


def page(connection: pyodbc.Connection, question: str) -> list[int]:
    """Rows, the sum of their second column, and the bytes that asking took."""
    before = peak()
    seen = total = 0
    cursor = connection.cursor().execute(question)
    while rows := cursor.fetchmany(10_000):
        seen, total = seen + len(rows), total + sum(row[1] for row in rows)
    return [seen, total, peak() - before]


def write(connection: pyodbc.Connection, statements: list[str]) -> list[str]:
    """The SQLSTATE that each statement ends with."""
    connection.execute("set default_transaction_read_only = off")
    connection.commit()
    states = []
    for statement in statements:
        try:
            connection.execute(statement)
            states.append("done")
        except pyodbc.Error as error:
            states.append(error.args[0])
        connection.rollback()
    return states


def main() -> None:
    """Print the answer."""
    where, listed, what = sys.argv[1:]
    questions = json.loads(listed)
    connection = pyodbc.connect(where)
    answer: Any
    if what == "views":
        answer = views(connection)
    elif what == "rows":
        answer = [[[plain(value) for value in row] for row in connection.execute(one)] for one in questions]
    elif what == "page":
        answer = page(connection, questions[0])
    else:
        answer = write(connection, questions)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
