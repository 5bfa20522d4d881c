"""What the source itself must not do: format values into SQL, unpickle, run text as code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import sensdb

SOURCE = Path(sensdb.__file__).parent
FILES = sorted(path for path in SOURCE.rglob("*.py") if "_bundled" not in path.parts)

UNPICKLING = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
RUNNING = {"eval", "exec", "compile", "__import__"}
STATEMENTS = ("select ", "insert ", "update ", "delete ", "with ", "copy ", "set ", "drop ", "create ", "grant ")

# A literal value within quotes: what should have been bound. Names of tables and columns stand outside of quotes.
QUOTES = ("'", '"')


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the last part of its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            named = node.func
            if isinstance(named, ast.Attribute | ast.Name):
                yield (named.attr if isinstance(named, ast.Attribute) else named.id), node


def formatted_values(tree: ast.AST) -> Iterator[str]:
    """Expressions put between quotes into a text that is SQL, by an f-string, % or format."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = node.values
            text = "".join(part.value for part in parts if isinstance(part, ast.Constant))
            if not text.lower().lstrip().startswith(STATEMENTS):
                continue
            for before, part in zip([None, *parts], parts, strict=False):
                quoted = isinstance(before, ast.Constant) and str(before.value).endswith(QUOTES)
                if quoted and isinstance(part, ast.FormattedValue):
                    yield ast.unparse(part.value)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            given = node.left.value if isinstance(node.left, ast.Constant) else ""
            if str(given).lower().lstrip().startswith(STATEMENTS):
                yield ast.unparse(node)


def test_the_search_finds_a_value_between_quotes() -> None:
    planted = "execute(f\"select * from models where name = '{name}'\")\nexecute('delete from jobs where a = %s' % a)"

    assert list(formatted_values(ast.parse(planted))) == ["name", "'delete from jobs where a = %s' % a"]


def test_no_value_is_formatted_into_sql_between_quotes() -> None:
    found = {f"{path.relative_to(SOURCE)}: {value}" for path in FILES for value in formatted_values(parsed(path))}

    # Constants of the code: states and outcomes, which must stand in the text for a partial index to serve, and limits
    # of the server that a SET cannot bind.
    assert found <= {
        "database/engine.py: int(statement_seconds)",
        "jobs/ending.py: how",
        "jobs/dialects.py: value",
        "results/writer.py: REGIONS",
        "results/pictures.py: REGIONS",
        "results/writer.py: split",
    } | {value for value in found if value.startswith(("database/views.py", "database/grants.py"))}


def test_nothing_is_unpickled_and_no_text_is_run() -> None:
    found = {f"{path.relative_to(SOURCE)}: {fault}" for path in FILES for fault in faults(parsed(path))}

    assert not found


def test_the_search_finds_unpickling_and_running() -> None:
    planted = "import pickle\neval(text)\nnumpy.load(path, allow_pickle=True)\ntorch.load(path)"

    assert len(list(faults(ast.parse(planted)))) == 4


def faults(tree: ast.AST) -> Iterator[str]:
    """Imports and calls that could run what a file says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"import {name}" for name in names if name.partition(".")[0] in UNPICKLING)
    for name, call in calls(tree):
        text = ast.unparse(call.func)
        if (name in RUNNING and text == name) or text in ("torch.load", "torch.save"):
            yield text
        for keyword in call.keywords:
            if keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False":
                yield f"{text}({ast.unparse(keyword)})"
