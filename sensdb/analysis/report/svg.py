"""An SVG file as part of a page: no metadata, ids of its own, colours that follow light and dark."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from sensdb.analysis.figures import paper

COLOURS = {
    paper.INK: "ink",
    "#000000": "ink",
    paper.FAINT: "grid",
    "#ffffff": "card",
    paper.BLUE: "blue",
    paper.VERMILLION: "vermillion",
    paper.GREEN: "green",
    paper.PURPLE: "purple",
    paper.ORANGE: "orange",
    paper.SKY: "sky",
}
"""Colours of figures, and the page's variable for each."""

VARIABLES = {colour.lower(): f"var(--{name})" for colour, name in COLOURS.items()}
DROPPED = {"metadata", "style", "title"}


def inline_svg(text: str, prefix: str, label: str) -> str:
    """An SVG to stand in an HTML page.

    Args:
        text: as `figures.files.svg_text` gives it.
        prefix: put before each id, so that no two figures of a page share one.
        label: what the picture shows, for readers who do not see it.

    Returns:
        The element `svg` without namespaces: an HTML parser knows them, and no address stands on the page.
    """
    root = ElementTree.fromstring(text)
    for parent in root.iter():
        for child in [child for child in parent if _local(child.tag) in DROPPED]:
            parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(key): _own(value, prefix, key) for key, value in element.attrib.items()}
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-label": label, "id": f"{prefix}svg"}
    return ElementTree.tostring(root, encoding="unicode")


def _local(name: object) -> str:
    return str(name).rpartition("}")[2]


def _own(value: str, prefix: str, key: str) -> str:
    """An attribute's value with ids of this figure's own and the page's colours."""
    name = _local(key)
    if name == "id":
        return prefix + value
    if name == "href" and value.startswith("#"):
        return f"#{prefix}{value[1:]}"
    value = re.sub(r"url\(#([^)]*)\)", lambda match: f"url(#{prefix}{match[1]})", value)
    if name in ("style", "fill", "stroke"):
        return re.sub(r"#[0-9a-fA-F]{6}\b", lambda match: VARIABLES.get(match[0].lower(), match[0]), value)
    return value
