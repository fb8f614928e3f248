"""Telemetry of the runtimes, disabled before they are imported: a run makes no network request.

ONNX Runtime since 1.31 stores a device id in the user's cache folder and sends events to Microsoft over HTTPS
(its Privacy.md). The Python package of OpenVINO reports its import to Google Analytics from a child process,
through the package openvino-telemetry, which is installed with it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast

_OPENVINO_TELEMETRY = "openvino_telemetry"


def disable_onnxruntime_telemetry() -> None:
    """Disable the telemetry of ONNX Runtime. Call it before onnxruntime is first imported.

    An existing ORT_DISABLE_TELEMETRY in the environment is not changed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@contextmanager
def without_openvino_telemetry() -> Iterator[None]:
    """Hide openvino-telemetry while openvino is imported, which then works without it."""
    previous = sys.modules.get(_OPENVINO_TELEMETRY)
    sys.modules[_OPENVINO_TELEMETRY] = cast("ModuleType", None)  # None makes the import fail
    try:
        yield
    finally:
        del sys.modules[_OPENVINO_TELEMETRY]
        if previous is not None:
            sys.modules[_OPENVINO_TELEMETRY] = previous
