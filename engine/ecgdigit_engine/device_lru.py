"""Cache of shared inputs in device memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from ecgdigit_engine.runner import SharedInput

T = TypeVar("T")

MAX_SHARED_INPUTS = 4
"""Maximum number of images that one thread keeps on a device. Hand-picked, not tuned.

A thread may alternate between pages. With a cache of one image, the thread would then upload an image again
for every call.
"""


class DeviceLru(Generic[T]):
    """Cache of device values for at most `capacity` shared inputs.

    If the cache is full, the least recently used value is evicted and passed to `on_evict`.
    """

    def __init__(self, capacity: int, on_evict: Callable[[T], object] = lambda _: None) -> None:
        self._capacity, self._on_evict = capacity, on_evict
        self._entries: OrderedDict[int, tuple[SharedInput, T]] = OrderedDict()

    def get_or_create(self, key: SharedInput, create: Callable[[], T]) -> T:
        """Return the value for `key`.

        If it is missing, evict the least recently used value if the cache is full, and store `create()`.
        """
        if id(key) not in self._entries:
            while len(self._entries) >= self._capacity:
                _, (_, oldest) = self._entries.popitem(last=False)
                self._on_evict(oldest)
            self._entries[id(key)] = key, create()  # the key is stored so that its id is not reused
        self._entries.move_to_end(id(key))
        return self._entries[id(key)][1]
