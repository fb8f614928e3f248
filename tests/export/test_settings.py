"""Settings inherit from one another, and what is not understood is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pydantic")

from ecgdigit_export.train.config_files import settings_from, shipped_configs
from ecgdigit_rt.errors import SettingsMalformed

PLACES = ("pages=p", "out=o")


@pytest.mark.parametrize("name", shipped_configs())
def test_shipped_settings_are_sound(name: str) -> None:
    settings = settings_from(name, PLACES)
    assert settings.family == name
    assert settings.trace.steps > 1000


def test_a_file_inherits_and_changes_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text(
        "inherits: base\npages: pages\nout: run\nseed: 7\ngrid: {rate: 1e-4}\n"
    )
    mine = tmp_path / "mine.yaml"
    mine.write_text("inherits: house.yaml\ntrace: {batch: 5}\nvalidation: {count: 2}\n")
    settings = settings_from(str(mine), ["seed=8", "trace.rate=3e-4", "start=weights"])
    assert settings.family == "base"
    assert settings.pages == tmp_path / "pages"  # relative to the file that says it
    assert settings.start == "weights"  # relative to where the command runs
    assert (settings.seed, settings.validation.count) == (8, 2)
    assert (settings.trace.batch, settings.trace.rate, settings.trace.steps) == (5, 3e-4, 40000)
    assert settings.grid.rate == 1e-4


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("ratte: 3", "ratte", "there is no such key; there are family, pages"),
        ("trace: {ratte: 3}", "trace.ratte", "there are steps, batch, rate, accumulate"),
        ("synth: {cuont: 3}", "synth.cuont", "there are count, signals"),
        ("trace: {steps: -1}", "trace.steps", "greater than 0"),
        ("precision: fp8", "precision", "'fp16'"),
        ("family: huge", "family", "huge is none of lite"),
        ("inherits: nothing", "", "cannot be read"),
        ("trace: [", "", "no YAML"),
        ("- a", "", "holds no keys"),
    ],
)
def test_what_is_wrong_is_named(text: str, key: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    inherits = "" if "inherits" in text or text.startswith("-") else "inherits: lite\npages: p\nout: o\n"
    path.write_text(inherits + text)
    with pytest.raises(SettingsMalformed, match=says) as caught:
        settings_from(str(path))
    assert caught.value.key == key


def test_what_is_missing_is_named() -> None:
    with pytest.raises(SettingsMalformed, match="lite, pages: it is missing"):
        settings_from("lite", ["out=o"])
    with pytest.raises(SettingsMalformed, match="not KEY=VALUE"):
        settings_from("lite", ["pages"])


def test_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("inherits: b.yaml")
    (tmp_path / "b.yaml").write_text("inherits: a.yaml")
    with pytest.raises(SettingsMalformed, match="a circle"):
        settings_from(str(tmp_path / "a.yaml"))
