"""Deactivation of the telemetry of the runtimes, so that a run makes no network requests.

Since version 1.31, ONNX Runtime stores a device id in the user's cache folder and sends events to Microsoft
over HTTPS (see its Privacy.md). The Python package of OpenVINO depends on the package openvino-telemetry.
When OpenVINO is imported, this package starts a child process that sends an event to Google Analytics.
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
    """Disable the telemetry of ONNX Runtime.

    Call this before the first import of onnxruntime. If the environment already contains
    ORT_DISABLE_TELEMETRY, its value is not changed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@contextmanager
def without_openvino_telemetry() -> Iterator[None]:
    """Hide the package openvino-telemetry while openvino is imported. OpenVINO does not require it."""
    previous = sys.modules.get(_OPENVINO_TELEMETRY)
    sys.modules[_OPENVINO_TELEMETRY] = cast("ModuleType", None)  # with None, the import fails
    try:
        yield
    finally:
        del sys.modules[_OPENVINO_TELEMETRY]
        if previous is not None:
            sys.modules[_OPENVINO_TELEMETRY] = previous
