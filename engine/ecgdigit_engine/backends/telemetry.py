"""Runtimes that report on their use by default, made silent before they load: a run asks no network.

ONNX Runtime since 1.31 keeps a device id in the user's cache folder and sends events to Microsoft over HTTPS
(its Privacy.md). OpenVINO's Python package sends its own import to Google Analytics from a child process,
through the package openvino-telemetry that comes with it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast

_REPORTER = "openvino_telemetry"


def silence_onnxruntime() -> None:
    """Call before onnxruntime is first imported. Who sets ORT_DISABLE_TELEMETRY=0 means it."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@contextmanager
def openvino_silenced() -> Iterator[None]:
    """Import openvino inside: it does without its reporter where that cannot be imported."""
    before = sys.modules.get(_REPORTER)
    sys.modules[_REPORTER] = cast("ModuleType", None)  # Python's way to say that there is no such module
    try:
        yield
    finally:
        del sys.modules[_REPORTER]
        if before is not None:
            sys.modules[_REPORTER] = before
