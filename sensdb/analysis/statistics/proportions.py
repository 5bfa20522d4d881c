"""Shares of pairs: the sign test and Wilson's interval."""

from __future__ import annotations

import math

NORMAL_975 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def sign_test(n_lower: int, n_higher: int) -> float | None:
    """Two-sided exact sign test: how likely a share at least as far from 1/2 is if both directions were equal.

    p = min(1, 2 P(X <= min(n_lower, n_higher))), X ~ Binomial(n_lower + n_higher, 1/2). Ties are left out by the
    caller (paper.md 13).

    Returns:
        0 < p <= 1; None without a pair.
    """
    n = n_lower + n_higher
    if n == 0:
        return None
    term = total = 1
    for k in range(min(n_lower, n_higher)):
        term = term * (n - k) // (k + 1)  # n over k + 1, exact
        total += term
    return min(1.0, _ratio_to_power_of_two(2 * total, n))


def wilson_interval(share: float, n: int) -> tuple[float, float] | None:
    """Wilson's 95 % interval of a share, (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).

    Stays inside 0 .. 1 and does not collapse at shares of 0 and 1, where pairs of factors often lie.

    Args:
        share: 0 .. 1; ties may count as halves.
        n: pairs it was taken over.

    Returns:
        Low and high end; None without a pair.
    """
    if n == 0:
        return None
    z2 = NORMAL_975**2
    centre = share + z2 / (2 * n)
    half = NORMAL_975 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)
    # At a share of 0 or 1 its own end is exact; the formula leaves 1e-17 of it.
    return 0.0 if share == 0 else max(0.0, low), 1.0 if share == 1 else min(1.0, high)


def _ratio_to_power_of_two(numerator: int, exponent: int) -> float:
    """numerator / 2^exponent without overflow: beyond 64 bits only the leading ones count."""
    surplus = max(0, numerator.bit_length() - 64)
    return math.ldexp(float(numerator >> surplus), surplus - exponent)
