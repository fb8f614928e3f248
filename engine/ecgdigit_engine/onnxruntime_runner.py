"""Stages on the CPU through ONNX Runtime: the backend that is always there."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort

from ecgdigit_engine.runner import Feeds, Fetches
from ecgdigit_engine.spec import Port, StageSpec


def _ports(nodes: list[ort.NodeArg]) -> tuple[Port, ...]:
    return tuple(
        Port(n.name, n.type.removeprefix("tensor(").removesuffix(")"), tuple(n.shape)) for n in nodes
    )


class OnnxRuntimeRunner:
    """One session on `threads` CPU threads. Satisfies `Runner`."""

    def __init__(self, graph: bytes | Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        source = str(graph) if isinstance(graph, Path) else graph
        self._session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        self.spec = StageSpec(
            stage=metadata.get("stage", ""),
            version=metadata.get("version", ""),
            inputs=_ports(self._session.get_inputs()),
            outputs=_ports(self._session.get_outputs()),
            metadata=metadata,
        )
        self._names = [port.name for port in self.spec.outputs]

    def run(self, feeds: Feeds, /) -> Fetches:
        return dict(zip(self._names, self._session.run(self._names, dict(feeds)), strict=True))
