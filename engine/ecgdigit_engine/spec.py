"""What a stage's graph takes and gives, read from the graph itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output: `shape` has an int where it is fixed and a name where it is dynamic."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class StageSpec:
    """A stage: its ports and the metadata that export wrote into the graph."""

    stage: str
    version: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: dict[str, str]
