"""What the built wheel holds, and that the README's commands are the ones that CI runs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"ecgdigit_rt", "ecgdigit_export", "ecgdigit_engine", "ecgdigit_kernels"}


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


@pytest.mark.slow
def test_top_level_names(wheel_names: list[str]) -> None:
    top = {name.split("/")[0] for name in wheel_names}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES


@pytest.mark.slow
def test_the_wheel_is_whole(wheel_names: list[str]) -> None:
    for package in PACKAGES:
        assert f"{package}/py.typed" in wheel_names
    models = ROOT / "ecgdigit_rt" / "models"
    expected = {
        path.relative_to(ROOT).as_posix() for path in models.rglob("*") if path.suffix in {".onnx", ".json"}
    }
    web = (ROOT / "ecgdigit_rt" / "serve" / "web").iterdir()
    expected |= {path.relative_to(ROOT).as_posix() for path in web}
    assert expected <= set(wheel_names)
    assert any(name.endswith("licenses/LICENSE") for name in wheel_names)
    assert not [name for name in wheel_names if "__pycache__" in name or "/tests/" in name]


def test_ci_runs_the_readmes_test_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0].strip() for block in readme.split("```bash\n")[1:]]
    assert blocks[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
