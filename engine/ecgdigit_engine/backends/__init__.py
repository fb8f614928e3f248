"""Backends that can run the networks, one module each.

A new backend is a module with a class that satisfies `Backend`, and a line in `all_backends`.
"""

from __future__ import annotations

from functools import cache

from ecgdigit_engine.backends.backend import Backend


@cache
def all_backends() -> dict[str, Backend]:
    """Return all backends by name. Of those that are ready for a device, `auto` selects the first one."""
    from ecgdigit_engine.backends.onnxruntime import OnnxRuntime
    from ecgdigit_engine.backends.openvino import OpenVino
    from ecgdigit_engine.backends.tensorrt import TensorRt

    backends: tuple[Backend, ...] = (
        TensorRt("tensorrt"),
        TensorRt("tensorrt-rtx"),
        OpenVino(),
        OnnxRuntime("onnxruntime"),
        OnnxRuntime("onnxruntime-tensorrt", "TensorrtExecutionProvider"),
    )
    return {backend.name: backend for backend in backends}
