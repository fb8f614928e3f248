"""Runner protocol, the inputs and outputs of a runner, and two stages run as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.spec import StageSpec


@dataclass(frozen=True, slots=True, eq=False)
class SharedInput:
    """An array that several calls share.

    Instances compare by identity. A device that still holds this instance does not upload it again.
    """

    array: NDArray[Any] = field(repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the array."""
        return self.array.dtype


@dataclass(frozen=True, slots=True, eq=False)
class DeviceTensor:
    """An output that stays in device memory for the next stage.

    It is valid until the same thread calls the same stage again. `handle` identifies it to the backend, such
    as by its address.
    """

    handle: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


Feed = NDArray[Any] | SharedInput | DeviceTensor
Feeds = Mapping[str, Feed]
Fetches = dict[str, NDArray[Any]]


class Runner(Protocol):
    """Execution of one stage.

    A runner may be called from several threads at once. The caller owns the returned arrays.
    """

    @property
    def spec(self) -> StageSpec:
        """Specification of the stage."""
        ...

    def run(self, feeds: Feeds, /) -> Fetches:
        """Return the outputs by name for inputs by name. Raises ShapeOutsideProfile."""
        ...


class DeviceRunner(Runner, Protocol):
    """Runner of a backend, which can also leave its outputs on the device."""

    def run_on_device(self, feeds: Feeds, /) -> Mapping[str, Feed]:
        """Run, and return outputs that stay in device memory for a stage of the same backend."""
        ...


class FusedRunner:
    """Two stages run as one: the outputs of `first` are the inputs of `second`, by name.

    Both must be of the same backend and device, so that the intermediate values stay on the device.
    Satisfies `Runner`.
    """

    def __init__(self, first: DeviceRunner, second: Runner) -> None:
        self._first, self._second = first, second
        self.spec = dataclasses.replace(second.spec, inputs=first.spec.inputs, axes=first.spec.axes)

    def run(self, feeds: Feeds, /) -> Fetches:
        """Run both stages, and return the outputs of the second."""
        return self._second.run(self._first.run_on_device(feeds))


def host_arrays(feeds: Feeds) -> dict[str, NDArray[Any]]:
    """Return the feeds as arrays in host memory. Raises TypeError for a tensor on a device."""
    host: dict[str, NDArray[Any]] = {}
    for name, value in feeds.items():
        if isinstance(value, DeviceTensor):
            raise TypeError(f"{name} is in the memory of another device")
        host[name] = value.array if isinstance(value, SharedInput) else value
    return host
