"""Digitization of paper ECGs: scans and photos become calibrated 12-lead signals.

    from ecgdigit_rt import Digitizer

    with Digitizer() as digitizer:
        page = digitizer.digitize("scan.png")

The classes in `__all__` are imported on first use, so that importing the package itself is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.doubts import Doubt
    from ecgdigit_rt.errors import EcgDigitError
    from ecgdigit_rt.results import Digitized, Failed, Lead, PageRef

__version__ = "0.5.0"

__all__ = [
    "Digitized",
    "Digitizer",
    "Doubt",
    "EcgDigitError",
    "Failed",
    "Lead",
    "PageRef",
    "__version__",
]

_MODULES = {
    "Digitized": "ecgdigit_rt.results",
    "Digitizer": "ecgdigit_rt.digitizer",
    "Doubt": "ecgdigit_rt.doubts",
    "EcgDigitError": "ecgdigit_rt.errors",
    "Failed": "ecgdigit_rt.results",
    "Lead": "ecgdigit_rt.results",
    "PageRef": "ecgdigit_rt.results",
}


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
