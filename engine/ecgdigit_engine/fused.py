"""Two stages as one: what the first gives is what the second takes, and never leaves the device between."""

from __future__ import annotations

import dataclasses

from ecgdigit_engine.runner import DeviceRunner, Feeds, Fetches, Runner


class FusedRunner:
    """`first`, whose outputs are `second`'s inputs by name; both of one backend and device.

    Satisfies `Runner`, and asks no more of the two than that.
    """

    def __init__(self, first: DeviceRunner, second: Runner) -> None:
        self._first, self._second = first, second
        self.spec = dataclasses.replace(second.spec, inputs=first.spec.inputs, axes=first.spec.axes)

    def run(self, feeds: Feeds, /) -> Fetches:
        return self._second.run(self._first.run_on_device(feeds))
