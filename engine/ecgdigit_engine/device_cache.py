"""Cache of shared inputs in device memory."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ecgdigit_engine.runner import SharedInput

T = TypeVar("T")

MAX_CACHED_BYTES = 512 << 20
"""Maximum size in bytes of the images that one thread keeps on a device. Hand-picked, not tuned.

It holds 47 pages of 2200 × 1700 px. At most `threads + 1` pages are in progress at a time. If their images
did not fit, each call would upload its image again.
"""


@dataclass(slots=True)
class _Entry(Generic[T]):
    key: weakref.ref[SharedInput]
    value: T


class DeviceCache(Generic[T]):
    """Cache of device values, such as buffers, for shared inputs. Not thread-safe.

    The cache does not keep its inputs alive. The values of inputs that no longer exist are unused: they are
    the first to be taken or evicted. `size_of` returns the size of a value in bytes.
    """

    def __init__(self, size_of: Callable[[T], int], max_bytes: int = MAX_CACHED_BYTES) -> None:
        self._size_of, self._max_bytes = size_of, max_bytes
        self._entries: OrderedDict[int, _Entry[T]] = OrderedDict()
        self._unused: list[T] = []

    def get(self, key: SharedInput) -> T | None:
        """Return the value for `key`, or None."""
        entry = self._entries.get(id(key))
        if entry is None or entry.key() is not key:  # the id of an input may be used again
            return None
        self._entries.move_to_end(id(key))
        return entry.value

    def put(self, key: SharedInput, value: T) -> None:
        """Store the value for `key`."""
        self._collect()
        self._entries[id(key)] = _Entry(weakref.ref(key), value)

    def take_unused(self, size: int) -> T | None:
        """Remove and return the smallest unused value of at least `size` bytes, or None.

        A value of more than twice the size is not returned, because it would waste memory.
        """
        self._collect()
        fitting = [value for value in self._unused if size <= self._size_of(value) <= 2 * size]
        if not fitting:
            return None
        taken = min(fitting, key=self._size_of)
        self._unused.remove(taken)
        return taken

    def evict(self, size: int) -> list[T]:
        """Remove and return values until `size` bytes fit: unused ones, then the least recently used."""
        self._collect()
        evicted: list[T] = []
        total = sum(map(self._size_of, self._values()))
        while total + size > self._max_bytes and (self._unused or self._entries):
            value = self._unused.pop(0) if self._unused else self._entries.popitem(last=False)[1].value
            total -= self._size_of(value)
            evicted.append(value)
        return evicted

    def clear(self) -> list[T]:
        """Remove and return all values."""
        values = self._values()
        self._entries.clear()
        self._unused.clear()
        return values

    def _values(self) -> list[T]:
        return [*self._unused, *(entry.value for entry in self._entries.values())]

    def _collect(self) -> None:
        """Move the values of inputs that no longer exist to the unused values."""
        for number in [number for number, entry in self._entries.items() if entry.key() is None]:
            self._unused.append(self._entries.pop(number).value)
