"""Differences of two estimates over different models, from an interval of each."""

from __future__ import annotations

import math

Estimate = tuple[float, float, float]
"""A number with the low and the high end of its interval."""


def difference(first: Estimate, second: Estimate) -> Estimate:
    """The first number less the second, and an interval from both of theirs.

    Where the estimates are independent, d = a - b reaches down by sqrt((a - a_low)^2 + (b_high - b)^2) and up by
    sqrt((a_high - a)^2 + (b - b_low)^2): each end is recovered from the variance that an estimate has towards it
    (Zou and Donner 2008). For intervals that are symmetric and normal it is the usual one; it needs neither.
    """
    (a, a_low, a_high), (b, b_low, b_high) = first, second
    return (a - b, a - b - math.hypot(a - a_low, b_high - b), a - b + math.hypot(a_high - a, b - b_low))
