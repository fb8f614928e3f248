"""Writer of the Protobuf text format, the format of Triton's `config.pbtxt`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class EnumValue:
    """Enum value, which is written without quotes."""

    text: str


Scalar = str | EnumValue | bool | int
Value = Scalar | Sequence[Scalar] | Mapping[str, "Value"] | Sequence[Mapping[str, "Value"]]
Fields = Mapping[str, Value]


def text_from_fields(fields: Fields, depth: int = 0) -> str:
    """Return fields in text format, with one line per scalar field and one block per message."""
    return "".join(_field_text(name, value, _INDENT * depth, depth) for name, value in fields.items())


def _field_text(name: str, value: Value, margin: str, depth: int) -> str:
    if isinstance(value, Mapping):
        return f"{margin}{name} {{\n{text_from_fields(value, depth + 1)}{margin}}}\n"
    if isinstance(value, Sequence) and not isinstance(value, str):
        messages = [item for item in value if isinstance(item, Mapping)]
        if messages:
            return "".join(_field_text(name, message, margin, depth) for message in messages)
        scalars = ", ".join(_scalar_text(item) for item in value if not isinstance(item, Mapping))
        return f"{margin}{name}: [{scalars}]\n"
    return f"{margin}{name}: {_scalar_text(value)}\n"


def _scalar_text(value: Scalar) -> str:
    if isinstance(value, EnumValue):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
