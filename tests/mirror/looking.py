"""What a mirror holds, asked without syncing it first."""

from __future__ import annotations

from pathlib import Path

from sensdb.mirror.reader import open_mirror


def points(n: int, **fields: object) -> list[dict[str, object]]:
    """Rows of n test points for `stored.add_models`."""
    return [{"jacobian_norm": float(i), **fields} for i in range(n)]


def mirrored(url: str, cache: Path, query: str) -> list[tuple[object, ...]]:
    """The rows of a SELECT on a mirror as it is."""
    connection = open_mirror(url, cache)
    try:
        return [tuple(row.values()) for row in connection.sql(query).to_arrow_table().to_pylist()]
    finally:
        connection.close()


def rows_of_points(url: str, cache: Path) -> dict[int, int]:
    """How many point rows a mirror has of each model."""
    return dict(mirrored(url, cache, "SELECT model_id, count(*) FROM point_metrics GROUP BY model_id"))  # type: ignore[arg-type]
