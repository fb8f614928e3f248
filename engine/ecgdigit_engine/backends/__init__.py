"""Backends that run the networks.

To add a backend, write a module with a class that satisfies `Backend`, and add it to `all_backends`.
"""

from __future__ import annotations

from functools import cache

from ecgdigit_engine.backends.backend import Backend


@cache
def all_backends() -> dict[str, Backend]:
    """Return all backends by name.

    `auto` prefers a backend that is ready for a GPU. Among equal backends, it prefers the first in this
    order.
    """
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
