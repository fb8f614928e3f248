"""What a device still holds of arrays that were sent to it before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from ecgdigit_engine.runner import SharedInput

T = TypeVar("T")

KEPT_PICTURES = 4
"""Of one thread. Pages take turns there: with fewer a picture would go up again for every call."""


class DeviceLru(Generic[T]):
    """What belongs to the latest `most` kept values; what is dropped is given to `dropped`."""

    def __init__(self, most: int, dropped: Callable[[T], object] = lambda _: None) -> None:
        self._most, self._dropped = most, dropped
        self._held: OrderedDict[int, tuple[SharedInput, T]] = OrderedDict()

    def found(self, value: SharedInput, made: Callable[[], T]) -> T:
        """What is held for `value`, or what `made` gives; for that the oldest makes room first."""
        if id(value) not in self._held:
            while len(self._held) >= self._most:
                _, (_, oldest) = self._held.popitem(last=False)
                self._dropped(oldest)
            self._held[id(value)] = value, made()  # the value too, so that its id stays its own
        self._held.move_to_end(id(value))
        return self._held[id(value)][1]
