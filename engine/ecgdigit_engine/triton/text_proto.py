"""Fields as protobuf's text format, the language of Triton's `config.pbtxt`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Word:
    """An enum's value: written as it is, without quotes."""

    text: str


Scalar = str | Word | bool | int
Value = Scalar | Sequence[Scalar] | Mapping[str, "Value"] | Sequence[Mapping[str, "Value"]]
Fields = Mapping[str, Value]


def text_from_fields(fields: Fields, depth: int = 0) -> str:
    """One line a field; a message, and each one of several, as a block of its own."""
    return "".join(_field(name, value, _INDENT * depth, depth) for name, value in fields.items())


def _field(name: str, value: Value, margin: str, depth: int) -> str:
    if isinstance(value, Mapping):
        return f"{margin}{name} {{\n{text_from_fields(value, depth + 1)}{margin}}}\n"
    if isinstance(value, Sequence) and not isinstance(value, str):
        messages = [one for one in value if isinstance(one, Mapping)]
        if messages:
            return "".join(_field(name, one, margin, depth) for one in messages)
        scalars = ", ".join(_scalar(one) for one in value if not isinstance(one, Mapping))
        return f"{margin}{name}: [{scalars}]\n"
    return f"{margin}{name}: {_scalar(value)}\n"


def _scalar(value: Scalar) -> str:
    if isinstance(value, Word):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
