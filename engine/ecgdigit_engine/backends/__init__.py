"""The backends that can run the networks, one module each; `all_backends` names them.

A new backend is a module with a class that satisfies `Backend`, and a line in `all_backends`.
"""

from __future__ import annotations

from functools import cache

from ecgdigit_engine.backends.backend import Backend


@cache
def all_backends() -> dict[str, Backend]:
    """Every backend by its name, those first that `auto` likes best on a device that they all serve."""
    from ecgdigit_engine.backends.onnxruntime import OnnxRuntime
    from ecgdigit_engine.backends.openvino import OpenVino
    from ecgdigit_engine.backends.tensorrt import TensorRt

    found: tuple[Backend, ...] = (
        TensorRt("tensorrt"),
        TensorRt("tensorrt-rtx"),
        OpenVino(),
        OnnxRuntime("onnxruntime"),
        OnnxRuntime("onnxruntime-tensorrt", "TensorrtExecutionProvider"),
    )
    return {backend.name: backend for backend in found}
