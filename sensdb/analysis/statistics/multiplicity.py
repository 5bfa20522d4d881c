"""Many tests at once: q values of a declared family."""

from __future__ import annotations

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Benjamini and Hochberg's q values: q_(i) = min over j >= i of p_(j) m / j, at most 1.

    Calling all rows with q <= 0.05 significant keeps the expected share of false ones below 5 % (independent or
    positively dependent tests; paper.md 13).

    Args:
        p_values: of the whole family; None for a test that could not be made, which does not count in m.

    Returns:
        In the order given, None where p is None.
    """
    made = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    q_values: list[float | None] = [None] * len(p_values)
    smallest = 1.0
    for rank in range(len(made), 0, -1):
        p, i = made[rank - 1]
        smallest = min(smallest, p * len(made) / rank)
        q_values[i] = smallest
    return q_values
