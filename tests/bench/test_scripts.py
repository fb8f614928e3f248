"""Tests of the scripts in benchmarks/: each can be imported, and the ablations replace existing names."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_imports_and_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    if hasattr(module, "main"):
        assert f"python benchmarks/{name}.py" in module.__doc__


def test_ablations_replace_existing_names() -> None:
    import ablations

    for name, patches in ablations.VARIANTS.items():
        for module, attribute, _ in patches:
            assert hasattr(module, attribute), f"{name}: {module.__name__}.{attribute}"


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_script_prints_its_help(name: str) -> None:
    path = BENCHMARKS / f"{name}.py"
    if "argparse.ArgumentParser(" in path.read_text(encoding="utf-8"):
        completed = subprocess.run(
            [sys.executable, path, "--help"], capture_output=True, text=True, check=True
        )
        assert "usage:" in completed.stdout
