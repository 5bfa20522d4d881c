"""Grafana's own types of dashboards and panels, which its makers publish; Grafana itself is in no package registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sensdb.database.bundled import bundled

DASHBOARDS = sorted((bundled("workers") / "bi" / "grafana" / "dashboards").glob("*.json"))


def lost(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    """Where `kept` lacks what `given` has."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{path}/{key}"
            else:
                yield from lost(value, kept[key], f"{path}/{key}")
    elif isinstance(given, list):
        if not isinstance(kept, list) or len(given) != len(kept):
            yield path
        else:
            for place, (one, other) in enumerate(zip(given, kept, strict=True)):
                yield from lost(one, other, f"{path}[{place}]")
    elif given != kept:
        yield path


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_the_types_of_grafana_keep_every_setting_of_a_dashboard(path: Any) -> None:
    pytest.importorskip("grafana_foundation_sdk", reason="grafana-foundation-sdk is not installed (see Makefile)")
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    given = json.loads(path.read_text(encoding="utf-8"))

    kept = json.loads(JSONEncoder().encode(Dashboard.from_json(given)))

    assert list(lost(given, kept)) == []
