"""Steps of a page pipeline: their declaration, execution and timing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

State = TypeVar("State")

StepObserver = Callable[[str, object], None]
"""Function that receives the name and the value of each step as soon as the step is complete."""


@dataclass(frozen=True, slots=True)
class Step(Generic[State]):
    """One step of a pipeline.

    `name` identifies the step in timings, events and `inspect.json`. `field` is the attribute of the state
    that receives the return value of `run`. `label` describes the completed step to a user.
    """

    name: str
    field: str
    label: str
    run: Callable[[State], Any]


def run_steps(
    steps: Sequence[Step[State]],
    state: State,
    seconds: dict[str, float],
    observer: StepObserver | None = None,
) -> None:
    """Run `steps` in order on `state`, and store the duration of each one in `seconds`.

    The duration of a step that fails is stored too. An exception of a step or of `observer` ends the run and
    propagates. The values of the completed steps remain in `state`.
    """
    for step in steps:
        started = time.perf_counter()
        try:
            value = step.run(state)
        finally:
            seconds[step.name] = time.perf_counter() - started
        setattr(state, step.field, value)
        if observer is not None:
            observer(step.name, value)
