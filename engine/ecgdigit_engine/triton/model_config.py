"""Configuration file `config.pbtxt` of a Triton model, generated from the specification of a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ecgdigit_engine.spec import Axis, Port, StageSpec
from ecgdigit_engine.tensorrt.profile import BATCH
from ecgdigit_engine.triton.text_proto import EnumValue, Fields, text_from_fields

VERSION = "1"
"""Version of each written model, and name of its version folder."""

_TYPES = {"uint8": "TYPE_UINT8", "int64": "TYPE_INT64", "float16": "TYPE_FP16", "float32": "TYPE_FP32"}
_TYPES |= {"bytes": "TYPE_STRING"}


@dataclass(frozen=True, slots=True)
class ModelFormat:
    """Platform of a Triton model and its file name in the version folder."""

    platform: str
    file_name: str


MODEL_FORMATS = {
    "onnxruntime": ModelFormat("onnxruntime_onnx", "model.onnx"),
    "tensorrt": ModelFormat("tensorrt_plan", "model.plan"),
}


@dataclass(frozen=True, slots=True)
class Instances:
    """Parallel instances of a model. `gpu` is the index of their GPU. If it is None, they run on the CPU."""

    count: int = 1
    gpu: int | None = None

    @property
    def fields(self) -> Fields:
        """Fields of the instance group in `config.pbtxt`."""
        if self.gpu is None:
            return {"count": self.count, "kind": EnumValue("KIND_CPU")}
        return {"count": self.count, "kind": EnumValue("KIND_GPU"), "gpus": [self.gpu]}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Configuration of one Triton model.

    The first axis of each port is the batch axis, which is omitted from the dimensions in the file.
    `backend_field` is the field `platform` or `backend` and its value. `optional` contains the names of the
    inputs that a request may omit. `queue` is the maximum number of waiting requests, or 0 for no limit.
    Further requests are rejected immediately. `profile` is the index of the optimization profile
    to use, or None for a model that is not an engine.
    """

    name: str
    backend_field: tuple[str, str]
    max_batch_size: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    instances: Instances
    optional: frozenset[str] = frozenset()
    parameters: Mapping[str, str] = field(default_factory=dict)
    queue: int = 0
    profile: str | None = None

    @property
    def text(self) -> str:
        """Content of `config.pbtxt`."""
        key, value = self.backend_field
        limits = {"default_queue_policy": {"max_queue_size": self.queue}} if self.queue else {}
        profile: Fields = {} if self.profile is None else {"profile": [self.profile]}
        fields: Fields = {
            "name": self.name,
            key: value,
            "max_batch_size": self.max_batch_size,
            "input": [self._port_fields(port) for port in self.inputs],
            "output": [self._port_fields(port) for port in self.outputs],
            "dynamic_batching": limits,
            "instance_group": [{**self.instances.fields, **profile}],
            "parameters": [
                {"key": name, "value": {"string_value": value}} for name, value in self.parameters.items()
            ],
        }
        return "# Written by `ecgdigit-rt deploy triton`.\n" + text_from_fields(fields)

    def _port_fields(self, port: Port) -> Fields:
        fields: dict[str, str | EnumValue | bool | list[int]] = {
            "name": port.name,
            "data_type": EnumValue(_TYPES[port.dtype]),
            "dims": [size if isinstance(size, int) else -1 for size in port.shape[1:]],
        }
        if port.name in self.optional:
            fields["optional"] = True
        return fields


def stage_config(
    name: str,
    spec: StageSpec,
    axes: Sequence[Axis],
    backend: str,
    instances: Instances,
    parameters: Mapping[str, str],
) -> ModelConfig:
    """Return the configuration for the graph or engine of a stage with the sizes of `axes`.

    Raises ValueError if the first axis of a port is not the batch axis, because Triton then cannot batch
    requests.
    """
    ports = (*spec.inputs, *spec.outputs)
    batch = next((axis for axis in axes if axis.name == BATCH), None)
    if batch is None or any(port.shape[0] != BATCH for port in ports):
        raise ValueError(f"{spec.stage}: not all ports begin with a batch axis")
    return ModelConfig(
        name=name,
        backend_field=("platform", MODEL_FORMATS[backend].platform),
        max_batch_size=batch.high,
        inputs=spec.inputs,
        outputs=spec.outputs,
        instances=instances,
        parameters=parameters,
        profile="0" if backend == "tensorrt" else None,  # `build-engines` writes a single profile
    )
