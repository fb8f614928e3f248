"""Cache of the shared inputs that a device holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from ecgdigit_engine.runner import SharedInput

T = TypeVar("T")

MAX_SHARED_INPUTS = 4
"""Images that one thread holds on a device. A thread alternates between pages: with fewer, an image would be
uploaded again for every call. Chosen, not tuned."""


class DeviceLru(Generic[T]):
    """Device values of the `capacity` shared inputs that were used last.

    `on_evict` is called with a value before it is dropped.
    """

    def __init__(self, capacity: int, on_evict: Callable[[T], object] = lambda _: None) -> None:
        self._capacity, self._on_evict = capacity, on_evict
        self._entries: OrderedDict[int, tuple[SharedInput, T]] = OrderedDict()

    def get_or_create(self, key: SharedInput, create: Callable[[], T]) -> T:
        """Return the value for `key`. If it is missing, evict the oldest ones and store `create()`."""
        if id(key) not in self._entries:
            while len(self._entries) >= self._capacity:
                _, (_, oldest) = self._entries.popitem(last=False)
                self._on_evict(oldest)
            self._entries[id(key)] = key, create()  # holds the key, so that its id is not reused
        self._entries.move_to_end(id(key))
        return self._entries[id(key)][1]
