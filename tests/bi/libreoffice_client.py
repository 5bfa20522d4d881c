"""Asks a database by LibreOffice's own PostgreSQL driver what tests/bi/expected.py says: CONNECTION QUESTIONS WHAT.

Runs under the Python that LibreOffice's bridge (uno) is installed for, and starts a LibreOffice without a window.
"""

import contextlib
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time

import uno
from com.sun.star.connection import NoConnectException
from com.sun.star.sdbc import SQLException

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
START_SECONDS = 120


@contextlib.contextmanager
def office():
    """A LibreOffice with a profile of its own, and its service manager; ended at the end."""
    with tempfile.TemporaryDirectory() as folder:
        pipe = f"sensdb{os.getpid()}"
        process = subprocess.Popen(
            [
                "soffice",
                "--headless",
                "--norestore",
                "--nologo",
                f"-env:UserInstallation=file://{folder}/profile",
                f"--accept=pipe,name={pipe};urp;",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        context = uno.getComponentContext()
        resolver = context.ServiceManager.createInstance("com.sun.star.bridge.UnoUrlResolver")
        until = time.monotonic() + START_SECONDS
        desktop = None
        try:
            while True:
                try:
                    remote = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
                    break
                except NoConnectException:
                    if time.monotonic() > until or process.poll() is not None:
                        raise
                    time.sleep(0.2)
            manager = remote.ServiceManager
            desktop = manager.createInstanceWithContext("com.sun.star.frame.Desktop", remote)
            yield manager, remote
        finally:
            with contextlib.suppress(Exception):
                desktop.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()


def each(rows):
    """A result, row by row."""
    while rows.next():
        yield rows


def value(rows, column, kind):
    """A value in JSON's types, by the kind of values that sensdb says the column has.

    What the driver says of a column's type is not to be trusted: it calls texts whole numbers and numbers texts.
    """
    if kind == "integer":
        found = rows.getLong(column)
    elif kind == "real":
        found = rows.getDouble(column)
    elif kind == "boolean":
        found = bool(rows.getBoolean(column))
    else:
        found = rows.getString(column)
    if rows.wasNull():
        return None
    if kind == "timestamp":  # a text, in the session's zone and with it
        moment = datetime.datetime.fromisoformat(found + ":00" if found[-3] in "+-" else found)
        return (moment - EPOCH) // datetime.timedelta(microseconds=1)
    return found


def views(connection):
    """{view: {column: comment}}. What the driver says of the view itself is the comment of any of its columns."""
    about = connection.getMetaData()
    found = {}
    for row in each(about.getTables(None, "public", "%", ("VIEW",))):
        if row.getString(4) == "VIEW":  # tables come too, whatever is asked for
            found[row.getString(3)] = {}
    for name, columns in found.items():
        for row in each(about.getColumns(None, "public", name, "%")):
            columns[row.getString(4)] = row.getString(12)
    return found


def table(connection, question, kinds):
    """All rows of a question."""
    rows = connection.createStatement().executeQuery(question)
    return [[value(row, column, kind) for column, kind in enumerate(kinds, start=1)] for row in each(rows)]


def write(connection, statements):
    """What each statement ends with; the driver keeps the SQLSTATE to itself."""
    connection.createStatement().execute("set default_transaction_read_only = off")
    states = []
    for statement in statements:
        try:
            connection.createStatement().execute(statement)
            states.append("done")
        except SQLException as error:
            states.append(error.Message)
    return states


def main():
    """Print the answer."""
    where, listed, what = sys.argv[1:]
    questions = json.loads(listed)
    with office() as (manager, remote):
        drivers = manager.createInstanceWithContext("com.sun.star.sdbc.DriverManager", remote)
        connection = drivers.getConnection(f"sdbc:postgresql:{where}")
        if what == "views":
            answer = views(connection)
        elif what == "rows":
            answer = [table(connection, one, kinds) for one, kinds in questions]
        else:
            answer = write(connection, questions)
        connection.close()
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
