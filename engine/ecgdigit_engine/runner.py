"""Runner protocol, inputs and outputs of a runner, and a runner that executes two stages in sequence."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.spec import StageSpec


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class SharedInput:
    """An input array that several calls share.

    Instances compare by identity. A backend caches them in device memory, so that later calls with the same
    instance do not upload it again. The cached memory is reused once the instance no longer exists.
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

    It is valid until the same thread calls the same stage again. `handle` identifies it to the backend, for
    example by its address.
    """

    handle: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


Feed = NDArray[Any] | SharedInput | DeviceTensor
Feeds = Mapping[str, Feed]
Fetches = dict[str, NDArray[Any]]


class Runner(Protocol):
    """Protocol of objects that execute one stage.

    A runner may be called from several threads at the same time. The caller owns the returned arrays.
    """

    @property
    def spec(self) -> StageSpec:
        """Specification of the stage."""
        ...

    def run(self, feeds: Feeds, /) -> Fetches:
        """Return the outputs by name for the inputs by name.

        Raises ShapeOutsideProfile, or OutOfDeviceMemory on a GPU.
        """
        ...


@runtime_checkable
class SupportsClose(Protocol):
    """Protocol of runners that hold threads or memory of a device."""

    def close(self) -> None:
        """Release what the runner holds. Later calls fail."""
        ...


def close_runner(runner: Runner) -> None:
    """Close a runner if it supports it."""
    if isinstance(runner, SupportsClose):
        runner.close()


class DeviceRunner(Runner, Protocol):
    """Protocol of a backend's runners. They can also leave their outputs in device memory."""

    def run_on_device(self, feeds: Feeds, /) -> Mapping[str, Feed]:
        """Run the stage and return outputs that stay in device memory for another stage of the backend."""
        ...


class FusedRunner:
    """Runner of two consecutive stages. Satisfies `Runner`.

    The outputs of `first` are the inputs of `second` with the same names. Both runners must have the same
    backend and device, so that the intermediate tensors stay in device memory.
    """

    def __init__(self, first: DeviceRunner, second: Runner) -> None:
        self._first, self._second = first, second
        self.spec = dataclasses.replace(second.spec, inputs=first.spec.inputs, axes=first.spec.axes)

    def run(self, feeds: Feeds, /) -> Fetches:
        """Run both stages and return the outputs of the second."""
        return self._second.run(self._first.run_on_device(feeds))

    def close(self) -> None:
        """Close both runners."""
        try:
            close_runner(self._first)
        finally:
            close_runner(self._second)


def host_arrays(feeds: Feeds) -> dict[str, NDArray[Any]]:
    """Return the feeds as arrays in host memory. Raises TypeError for a tensor on a device."""
    host: dict[str, NDArray[Any]] = {}
    for name, value in feeds.items():
        if isinstance(value, DeviceTensor):
            raise TypeError(f"{name} is in device memory; a host array is required")
        host[name] = value.array if isinstance(value, SharedInput) else value
    return host
