"""Settings from YAML files that inherit from one another; unknown keys are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ecgdigit_export.models.families import FAMILIES
from ecgdigit_export.train.settings import StageSettings, SynthSettings, TrainSettings, ValidationSettings
from ecgdigit_rt.errors import SettingsMalformed

_INHERITS = "inherits"
_PATHS = ("pages", "out", "start", "validation.pages", "synth.signals")


def shipped_configs() -> list[str]:
    """Names that `inherits` and `--config` know without a file, such as `lite`."""
    return sorted(path.name[:-5] for path in _shipped().iterdir() if path.name.endswith(".yaml"))


def settings_from(source: str, changes: Sequence[str] = ()) -> TrainSettings:
    """Settings of a YAML file or a shipped name. changes: such as "trace.steps=200", the later wins.

    Raises SettingsMalformed, which names the key.
    """
    tree = _tree_from(source, ())
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise SettingsMalformed(change, "", "it is not KEY=VALUE")
        _put(tree, key.strip(), _parsed(value, change))
    try:
        settings = TrainSettings.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsMalformed(source, key, _complaint(first["type"], first["msg"], key)) from error
    if settings.family not in FAMILIES:
        raise SettingsMalformed(source, "family", f"{settings.family} is none of {', '.join(FAMILIES)}")
    return settings


def _shipped() -> Traversable:
    return files("ecgdigit_export.train") / "configs"


def _tree_from(source: str, above: tuple[str, ...]) -> dict[str, Any]:
    """A file's keys over those of what it inherits from."""
    name, text, folder = _read(source)
    if name in above:
        raise SettingsMalformed(source, _INHERITS, f"a circle: {' → '.join((*above, name))}")
    found = _parsed(text, source) or {}
    if not isinstance(found, dict):
        raise SettingsMalformed(source, "", "it holds no keys")
    if folder is not None:
        for key in _PATHS:
            _make_relative(found, key.split("."), folder)
    parent = found.pop(_INHERITS, None)
    if parent is None:
        return found
    at = str(parent) if parent in shipped_configs() or folder is None else str(folder / str(parent))
    return _merged(_tree_from(at, (*above, name)), found)


def _read(source: str) -> tuple[str, str, Path | None]:
    """A name for what was read, its text, and the folder that its paths are relative to."""
    if source in shipped_configs():
        return source, (_shipped() / f"{source}.yaml").read_text(encoding="utf-8"), None
    path = Path(source)
    try:
        return str(path.resolve()), path.read_text(encoding="utf-8"), path.parent
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(shipped_configs())
        problem = f"it cannot be read ({error}); without a file there are {known}"
        raise SettingsMalformed(source, "", problem) from error


def _parsed(text: str, source: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsMalformed(source, "", f"it is no YAML: {error}") from error


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` wins; mappings are merged key by key."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = (
            _merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _make_relative(tree: dict[str, Any], keys: Sequence[str], folder: Path) -> None:
    inner: Any = tree
    for key in keys[:-1]:
        inner = inner.get(key) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get(keys[-1]), str):
        return
    path = folder / inner[keys[-1]]
    if keys[-1] != "start" or path.exists():  # else it is the name of models
        inner[keys[-1]] = str(path)


def _put(tree: dict[str, Any], dotted: str, value: object) -> None:
    *outer, last = dotted.split(".")
    for key in outer:
        inner = tree.get(key)
        tree[key] = dict(inner) if isinstance(inner, dict) else {}
        tree = tree[key]
    tree[last] = value


def _complaint(kind: str, message: str, key: str) -> str:
    if kind == "extra_forbidden":
        outer = key.rpartition(".")[0]
        known = _fields_of(outer)
        return f"there is no such key; there are {', '.join(known)}"
    return "it is missing" if kind == "missing" else message[:1].lower() + message[1:]


def _fields_of(dotted: str) -> list[str]:
    known: dict[str, type[BaseModel]] = {
        "": TrainSettings,
        "validation": ValidationSettings,
        "synth": SynthSettings,
    }
    return list(known.get(dotted, StageSettings).model_fields)
