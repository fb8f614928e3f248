"""The one thing that the pipeline asks of a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.spec import StageSpec


@dataclass(frozen=True, slots=True, eq=False)
class SharedInput:
    """An array that several calls share: a device that holds this very value does not take it up again."""

    array: NDArray[Any] = field(repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype


@dataclass(frozen=True, slots=True, eq=False)
class DeviceTensor:
    """What a stage left on its device for the next one: valid until this thread's next call of that stage.

    handle: what the backend knows it by, such as its address.
    """

    handle: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


Feed = NDArray[Any] | SharedInput | DeviceTensor
Feeds = Mapping[str, Feed]
Fetches = dict[str, NDArray[Any]]


class Runner(Protocol):
    """Runs one stage. Safe to call from several threads at once; what it returns is the caller's."""

    @property
    def spec(self) -> StageSpec: ...

    def run(self, feeds: Feeds, /) -> Fetches:
        """Outputs by name for inputs by name. Raises ShapeOutsideProfile."""
        ...


class DeviceRunner(Runner, Protocol):
    """A backend's own runner, which can also leave what it finds to the next stage."""

    def run_on_device(self, feeds: Feeds, /) -> Mapping[str, Feed]:
        """The same, but the outputs stay where the device has them, for a stage of the same backend."""
        ...


def arrays(feeds: Feeds) -> dict[str, NDArray[Any]]:
    """The feeds as arrays of the host, for backends whose memory that is."""
    found: dict[str, NDArray[Any]] = {}
    for name, value in feeds.items():
        if isinstance(value, DeviceTensor):
            raise TypeError(f"{name} lies on another device")
        found[name] = value.array if isinstance(value, SharedInput) else value
    return found
