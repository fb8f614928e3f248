"""Evidence for and against a layout, in one unit: natural logarithms of likelihood ratios."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """One item of evidence.

    `source` names the kind of evidence, such as `names` or `rows`. `points` is the natural logarithm of the
    likelihood of what was measured if the layout is right, relative to its likelihood if another one is. A
    difference of 3 between two layouts means that one of them is 20 times as likely as the other.
    """

    source: str
    text: str
    points: float

    def __str__(self) -> str:
        return f"{self.source} {self.points:+.1f}: {self.text}"


def clip(points: float, limit: float) -> float:
    """Return `points`, limited to ± `limit`, so that a wrong measurement cannot outweigh all others."""
    return float(min(max(points, -limit), limit))
