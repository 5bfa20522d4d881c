"""A sweep file's text as a tree that knows its lines: YAML 1.2 core, and nothing beyond it.

Read from the parser's events, so that what YAML would do silently is refused by line: a key twice, tags, directives,
aliases that multiply, numbers that are not finite. Values come by the core schema: 1e-3 is a number, `no` is text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sensdb.definitions.fields import show
from sensdb.errors import SpecError

MOST_ALIASED_NODES = 10_000
DEEPEST = 20
# ruamel.yaml reads about 400 kB a second; a sweep of this size is a mistake.
MOST_CHARACTERS = 1_000_000

_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

Scalar = None | bool | int | float | str


@dataclass(frozen=True)
class Node:
    """A value and the line it starts on, from 1; `key_lines` are those of a mapping's keys."""

    value: Scalar | tuple[Node, ...] | dict[str, Node]
    line: int
    key_lines: Mapping[str, int] = field(default_factory=dict)
    size: int = 1

    def plain(self) -> Any:
        """The value without lines: None, bool, int, float, str, list, dict."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value


def read_document(text: str, source: str) -> Node:
    """Read one YAML document.

    Args:
        text: the document; an empty one is null.
        source: how errors call it, such as the file's name.

    Raises:
        SpecError: it is not YAML 1.2, or uses what sensdb refuses; with source and line.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if len(text) > MOST_CHARACTERS:
        raise SpecError(f"{source}: {len(text)} characters are more than the {MOST_CHARACTERS} of the longest sweep.")
    try:
        return _Tree(source).build(YAML(typ="safe", pure=True).parse(text))
    except YAMLError as error:
        raise _not_yaml(error, source) from None


def _not_yaml(error: Exception, source: str) -> SpecError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    place = source if mark is None else f"{source} line {mark.line + 1}"
    return SpecError(f"{place}: not YAML: {' '.join(str(problem).split())}.")


class _Tree:
    """Builds nodes from parser events, with a stack of open collections instead of recursion."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.anchors: dict[str, Node] = {}
        self.aliased = 0

    def build(self, events: Iterator[Any]) -> Node:
        stack: list[_Open] = []
        root: Node | None = None
        documents = 0
        for event in events:
            kind = type(event).__name__
            line = event.start_mark.line + 1
            if kind == "DocumentStartEvent":
                documents += 1
                if event.version or event.tags:
                    raise self.refuse(line, "a directive; sweeps are YAML 1.2 without directives")
                if documents > 1:
                    raise self.refuse(line, "a second document; a sweep is one", "use blocks for several grids.")
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                self.check_tag(event, line)
                if len(stack) == DEEPEST:
                    raise self.refuse(line, f"nested deeper than {DEEPEST} levels")
                stack.append(_Open(line, event.anchor, {} if kind == "MappingStartEvent" else None))
            elif kind in ("MappingEndEvent", "SequenceEndEvent", "ScalarEvent", "AliasEvent"):
                if kind == "ScalarEvent":
                    self.check_tag(event, line)
                    node, anchor = Node(self.scalar(event, line), line), event.anchor
                elif kind == "AliasEvent":
                    node, anchor = self.alias(event.anchor, line), None
                else:
                    opened = stack.pop()
                    node, anchor = opened.close(), opened.anchor
                if anchor is not None:
                    self.anchors[anchor] = node
                if stack:
                    self.add(stack[-1], node)
                else:
                    root = node
        return Node(None, 1) if root is None else root

    def add(self, parent: _Open, node: Node) -> None:
        parent.size += node.size
        if parent.entries is None:
            parent.items.append(node)
        elif parent.key is None:
            if not isinstance(node.value, str):
                shown = "a list or a mapping" if isinstance(node.value, tuple | dict) else show(node.value)
                raise self.refuse(node.line, f"{shown} as a key; keys are text")
            if node.value in parent.entries:
                first = parent.key_lines[node.value]
                raise self.refuse(node.line, f"key {show(node.value)} a second time; the first is in line {first}")
            parent.key, parent.key_lines[node.value] = node.value, node.line
        else:
            parent.entries[parent.key] = node
            parent.key = None

    def alias(self, name: str, line: int) -> Node:
        node = self.anchors.get(name)
        if node is None:
            raise self.refuse(line, f"alias *{name} before its anchor is complete")
        self.aliased += node.size
        if self.aliased > MOST_ALIASED_NODES:
            raise self.refuse(line, f"aliases that stand for more than {MOST_ALIASED_NODES} values")
        return node

    def check_tag(self, event: Any, line: int) -> None:
        if event.tag is not None:
            raise self.refuse(line, f"tag {show(str(event.tag))}; sweeps are YAML without tags")

    def scalar(self, event: Any, line: int) -> Scalar:
        text: str = event.value
        if event.style is not None:
            return text
        if _NULL.fullmatch(text):
            return None
        if _TRUE.fullmatch(text):
            return True
        if _FALSE.fullmatch(text):
            return False
        number: int | float
        if _INTEGER.fullmatch(text):
            if len(text) > 100:
                raise self.refuse(line, f"a number of {len(text)} digits")
            number = int(text)
        elif _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
            number = int(text, 0)
        elif _FLOAT.fullmatch(text):
            number = float(text)
        elif _NOT_FINITE.fullmatch(text):
            number = math.inf
        else:
            return text
        if isinstance(number, float) and not math.isfinite(number):
            raise self.refuse(line, f"{show(text)} is not a finite number", "put it in quotes if it is text.")
        return number

    def refuse(self, line: int, what: str, hint: str | None = None) -> SpecError:
        return SpecError(f"{self.source} line {line}: {what}.", hint)


@dataclass
class _Open:
    """A collection whose end has not come yet; a sequence has no `entries`."""

    line: int
    anchor: str | None
    entries: dict[str, Node] | None
    items: list[Node] = field(default_factory=list)
    key: str | None = None
    key_lines: dict[str, int] = field(default_factory=dict)
    size: int = 1

    def close(self) -> Node:
        if self.entries is None:
            return Node(tuple(self.items), self.line, size=self.size)
        return Node(self.entries, self.line, self.key_lines, self.size)
