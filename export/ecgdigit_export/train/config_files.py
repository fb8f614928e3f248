"""Training settings from YAML files with inheritance. Unknown keys are rejected."""

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
_PATHS = ("pages", "out", "init_from", "validation.pages", "synth.signals")


def shipped_configs() -> list[str]:
    """Return the names of the shipped settings, such as `lite`, which `inherits` and `--config` accept."""
    return sorted(path.name[:-5] for path in _shipped().iterdir() if path.name.endswith(".yaml"))


def load_settings(source: str, changes: Sequence[str] = ()) -> TrainSettings:
    """Return the settings of a YAML file or of the shipped settings with this name.

    `changes` are strings such as "trace.steps=200". Later changes override earlier ones. Raises
    SettingsMalformed if the settings cannot be read or are invalid.
    """
    tree = _load_tree(source, ())
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise SettingsMalformed(change, "", "it does not have the form KEY=VALUE")
        _set_key(tree, key.strip(), _parse_yaml(value, change))
    try:
        settings = TrainSettings.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsMalformed(source, key, _problem(first["type"], first["msg"], key)) from error
    if settings.family not in FAMILIES:
        problem = f"unknown family {settings.family}; use one of: {', '.join(FAMILIES)}"
        raise SettingsMalformed(source, "family", problem)
    return settings


def _shipped() -> Traversable:
    return files("ecgdigit_export.train") / "configs"


def _load_tree(source: str, children: tuple[str, ...]) -> dict[str, Any]:
    """Return the keys of a file and of the files from which it inherits. The file's own keys take precedence.

    `children` are the files that inherit from this file.
    """
    name, text, folder = _read(source)
    if name in children:
        raise SettingsMalformed(source, _INHERITS, f"circular inheritance: {' → '.join((*children, name))}")
    tree = _parse_yaml(text, source) or {}
    if not isinstance(tree, dict):
        raise SettingsMalformed(source, "", "it contains no keys")
    if folder is not None:
        for key in _PATHS:
            _resolve_path(tree, key.split("."), folder)
    parent = tree.pop(_INHERITS, None)
    if parent is None:
        return tree
    at = str(parent) if parent in shipped_configs() or folder is None else str(folder / str(parent))
    return _merge(_load_tree(at, (*children, name)), tree)


def _read(source: str) -> tuple[str, str, Path | None]:
    """Return the unique name, YAML text and folder of a file. The folder of shipped settings is None."""
    if source in shipped_configs():
        return source, (_shipped() / f"{source}.yaml").read_text(encoding="utf-8"), None
    path = Path(source)
    try:
        return str(path.resolve()), path.read_text(encoding="utf-8"), path.parent
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(shipped_configs())
        problem = f"it cannot be read ({error}). The shipped settings are {known}"
        raise SettingsMalformed(source, "", problem) from error


def _parse_yaml(text: str, source: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsMalformed(source, "", f"it is not valid YAML: {error}") from error
    except RecursionError as error:
        raise SettingsMalformed(source, "", "it is nested too deeply") from error


def _merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the keys of `overrides`. Nested mappings are merged key by key."""
    merged = dict(base)
    for key, value in overrides.items():
        nested = merged.get(key)
        merged[key] = (
            _merge(nested, value) if isinstance(nested, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _resolve_path(tree: dict[str, Any], keys: Sequence[str], folder: Path) -> None:
    """Prepend `folder` to the path at `keys` in `tree`, in place.

    Absolute paths and names of model families are not changed.
    """
    inner: Any = tree
    for key in keys[:-1]:
        inner = inner.get(key) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get(keys[-1]), str):
        return
    path = folder / inner[keys[-1]]
    if keys[-1] != "init_from" or path.exists():  # otherwise it is the name of a model family
        inner[keys[-1]] = str(path)


def _set_key(tree: dict[str, Any], dotted: str, value: object) -> None:
    *outer, last = dotted.split(".")
    for key in outer:
        inner = tree.get(key)
        tree[key] = dict(inner) if isinstance(inner, dict) else {}
        tree = tree[key]
    tree[last] = value


def _problem(kind: str, message: str, key: str) -> str:
    """Return the problem that an error of pydantic with this kind and message describes."""
    if kind == "extra_forbidden":
        outer = key.rpartition(".")[0]
        known = _fields_of(outer)
        return f"unknown key; use one of: {', '.join(known)}"
    return "it is required" if kind == "missing" else message[:1].lower() + message[1:]


def _fields_of(dotted: str) -> list[str]:
    known: dict[str, type[BaseModel]] = {
        "": TrainSettings,
        "validation": ValidationSettings,
        "synth": SynthSettings,
    }
    return list(known.get(dotted, StageSettings).model_fields)
