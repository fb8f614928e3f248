"""Doubts: reasons why the signals of a digitized page may be wrong.

A page with doubts has the status `doubtful`. Its signals are written, but a person should compare them with
the page. Each doubt has a stable id, which is a heading in docs/errors.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

DOUBTS: Mapping[str, str] = MappingProxyType(
    {
        "D-LAYOUT-01": "Two layouts fit the page about equally well, or none fits well",
        "D-LAYOUT-02": "The page shows rows or lead names that the layout does not explain",
        "D-LAYOUT-03": "Only part of the page is visible",
        "D-SPEED-01": "The paper speed is contradicted",
        "D-GAIN-01": "The gain is contradicted",
        "D-LEADS-01": "The limb leads contradict Einthoven's law",
        "D-LEADS-02": "The rhythm strip differs from its lead",
        "D-LEADS-03": "A lead is flat although its neighbours show beats",
        "D-LEADS-04": "A lead was probably not traced accurately",
        "D-LEADS-05": "The beats of a row do not coincide with those of the others",
        "D-RATE-01": "The heart rate is impossible or differs from the printed one",
        "D-WAVES-01": "The order or width of the waves is impossible",
    }
)
"""Doubts by id, with their summaries."""

ACCURACY_DOUBT = "D-LEADS-04"
"""Doubt about the accuracy of single leads. Their expected errors include it. All other doubts concern the
whole page."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Reason why the signals of a page may be wrong.

    Attributes
    ----------
    id : str
        Stable id, a key of `DOUBTS`. docs/errors.md explains each one.
    message : str
        Sentence that states what contradicts what on this page. It contains no text of the page other than
        lead names and numbers.
    """

    id: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} [{self.id}]"
