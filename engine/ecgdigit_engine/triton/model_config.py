"""`config.pbtxt` of a model, made of what is known of it, never written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ecgdigit_engine.spec import Axis, Port, StageSpec
from ecgdigit_engine.tensorrt.profile import BATCH
from ecgdigit_engine.triton.text_proto import Fields, Word, text_from_fields

VERSION = "1"
"""The one version that a model is written with: the folder's name."""

_TYPES = {"uint8": "TYPE_UINT8", "int64": "TYPE_INT64", "float16": "TYPE_FP16", "float32": "TYPE_FP32"}
_TYPES |= {"bytes": "TYPE_STRING"}


@dataclass(frozen=True, slots=True)
class TensorFormat:
    """How a stage is stored for a backend of Triton's: its platform, and the file in the version's folder."""

    platform: str
    file_name: str


FORMS = {
    "onnxruntime": TensorFormat("onnxruntime_onnx", "model.onnx"),
    "tensorrt": TensorFormat("tensorrt_plan", "model.plan"),
}


@dataclass(frozen=True, slots=True)
class Instances:
    """How many of a model run at once, each on its own; card: of which card, None for the CPU."""

    count: int = 1
    card: int | None = None

    @property
    def fields(self) -> Fields:
        if self.card is None:
            return {"count": self.count, "kind": Word("KIND_CPU")}
        return {"count": self.count, "kind": Word("KIND_GPU"), "gpus": [self.card]}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What Triton is told of a model. Ports' first axis is the batch, and not among the dimensions.

    runs_by: the field `platform` or `backend`, and its value. optional: inputs that a request may leave out.
    queue: how many requests may wait, 0 for any number; the next one is refused at once.
    """

    name: str
    runs_by: tuple[str, str]
    most_in_a_batch: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    instances: Instances
    optional: frozenset[str] = frozenset()
    parameters: Mapping[str, str] = field(default_factory=dict)
    queue: int = 0
    profile: str | None = None

    @property
    def text(self) -> str:
        """The whole file."""
        key, value = self.runs_by
        limits = {"default_queue_policy": {"max_queue_size": self.queue}} if self.queue else {}
        profile: Fields = {} if self.profile is None else {"profile": [self.profile]}
        fields: Fields = {
            "name": self.name,
            key: value,
            "max_batch_size": self.most_in_a_batch,
            "input": [self._port(port) for port in self.inputs],
            "output": [self._port(port) for port in self.outputs],
            "dynamic_batching": limits,
            "instance_group": [{**self.instances.fields, **profile}],
            "parameters": [
                {"key": name, "value": {"string_value": value}} for name, value in self.parameters.items()
            ],
        }
        return "# Written by `ecgdigit-rt deploy triton`.\n" + text_from_fields(fields)

    def _port(self, port: Port) -> Fields:
        fields: dict[str, str | Word | bool | list[int]] = {
            "name": port.name,
            "data_type": Word(_TYPES[port.dtype]),
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
    """The configuration of a stage's graph or engine. axes: those that it was built for.

    Raises ValueError for a graph whose ports do not all begin with the batch: Triton could not gather
    requests for it.
    """
    ports = (*spec.inputs, *spec.outputs)
    batch = next((axis for axis in axes if axis.name == BATCH), None)
    if batch is None or any(port.shape[0] != BATCH for port in ports):
        raise ValueError(f"{spec.stage}: not all ports begin with a batch")
    return ModelConfig(
        name=name,
        runs_by=("platform", FORMS[backend].platform),
        most_in_a_batch=batch.high,
        inputs=spec.inputs,
        outputs=spec.outputs,
        instances=instances,
        parameters=parameters,
        profile="0" if backend == "tensorrt" else None,  # build-engines makes one, for all sizes
    )
