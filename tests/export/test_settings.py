"""Training settings: inheritance, and errors that name the key."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pydantic")

from ecgdigit_export.train.config_files import load_settings, shipped_configs
from ecgdigit_rt.errors import SettingsMalformed

PATHS = ("pages=p", "out=o")


@pytest.mark.parametrize("name", shipped_configs())
def test_shipped_settings_are_valid(name: str) -> None:
    settings = load_settings(name, PATHS)
    assert settings.family == name
    assert settings.trace.steps > 1000


def test_a_file_inherits_and_overrides_keys(tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text(
        "inherits: base\npages: pages\nout: run\nseed: 7\ngrid: {rate: 1e-4}\n"
    )
    mine = tmp_path / "mine.yaml"
    mine.write_text("inherits: house.yaml\ntrace: {batch: 5}\nvalidation: {count: 2}\n")
    settings = load_settings(str(mine), ["seed=8", "trace.rate=3e-4", "init_from=weights"])
    assert settings.family == "base"
    assert settings.pages == tmp_path / "pages"  # relative to the settings file
    assert settings.init_from == "weights"  # changes are relative to the working directory
    assert (settings.seed, settings.validation.count) == (8, 2)
    assert (settings.trace.batch, settings.trace.rate, settings.trace.steps) == (5, 3e-4, 40000)
    assert settings.grid.rate == 1e-4


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("ratte: 3", "ratte", "unknown key; use one of: family, pages"),
        ("trace: {ratte: 3}", "trace.ratte", "use one of: steps, batch, rate, accumulate"),
        ("synth: {cuont: 3}", "synth.cuont", "use one of: count, signals"),
        ("trace: {steps: -1}", "trace.steps", "greater than 0"),
        ("precision: fp8", "precision", "'fp16'"),
        ("family: huge", "family", "unknown family huge; use one of: lite"),
        ("inherits: nothing", "", "cannot be read"),
        ("trace: [", "", "not valid YAML"),
        ("- a", "", "contains no keys"),
    ],
)
def test_errors_name_the_key(text: str, key: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    inherits = "" if "inherits" in text or text.startswith("-") else "inherits: lite\npages: p\nout: o\n"
    path.write_text(inherits + text)
    with pytest.raises(SettingsMalformed, match=message) as caught:
        load_settings(str(path))
    assert caught.value.key == key


def test_deeply_nested_settings_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("pages: " + "[" * 50_000 + "]" * 50_000)
    with pytest.raises(SettingsMalformed, match="nested too deeply"):
        load_settings(str(path))


def test_missing_keys_are_named() -> None:
    with pytest.raises(SettingsMalformed, match="lite, pages: it is required"):
        load_settings("lite", ["out=o"])
    with pytest.raises(SettingsMalformed, match="does not have the form KEY=VALUE"):
        load_settings("lite", ["pages"])


def test_circular_inheritance_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("inherits: b.yaml")
    (tmp_path / "b.yaml").write_text("inherits: a.yaml")
    with pytest.raises(SettingsMalformed, match="circular inheritance"):
        load_settings(str(tmp_path / "a.yaml"))
