"""Wheel, sdist, changelog, and test command of the README."""

from __future__ import annotations

import email
import email.message
import re
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import ecgdigit_rt

ROOT = Path(__file__).parents[2]
PACKAGES = {"ecgdigit_rt", "ecgdigit_export", "ecgdigit_engine", "ecgdigit_kernels"}
MAX_WHEEL_BYTES = 60_000_000
"""Maximum size of the wheel. PyPI accepts files of up to 100 MB."""


@dataclass(frozen=True, slots=True)
class Distributions:
    """Source distribution, the wheel built from it, and the wheel built from the source tree."""

    sdist: Path
    wheel: Path
    from_tree: Path

    @property
    def names(self) -> list[str]:
        return zipfile.ZipFile(self.wheel).namelist()

    @property
    def metadata(self) -> email.message.Message:
        (name,) = (name for name in self.names if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(zipfile.ZipFile(self.wheel).read(name))


def python_m(*arguments: str | Path) -> str:
    """Run `python -m` and return its standard output."""
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    from_sdist, from_tree = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("tree")
    python_m("build", "--no-isolation", "--outdir", from_sdist)
    python_m("hatchling", "build", "-t", "wheel", "-d", from_tree)
    (sdist,), (wheel,), (other,) = (
        folder.glob(pattern)
        for folder, pattern in ((from_sdist, "*.tar.gz"), (from_sdist, "*.whl"), (from_tree, "*.whl"))
    )
    return Distributions(sdist, wheel, other)


@pytest.mark.slow
def test_top_level_names(built: Distributions) -> None:
    top = {name.split("/")[0] for name in built.names}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES


@pytest.mark.slow
def test_wheel_is_complete(built: Distributions) -> None:
    for package in PACKAGES:
        assert f"{package}/py.typed" in built.names
    models = ROOT / "ecgdigit_rt" / "models"
    kinds = {".onnx", ".json", ""}
    files = (path for path in models.rglob("*") if path.is_file() and path.suffix in kinds)
    expected = {path.relative_to(ROOT).as_posix() for path in files}
    assert "ecgdigit_rt/models/NOTICE" in expected
    web = ROOT / "ecgdigit_rt" / "server" / "web"
    expected |= {path.relative_to(ROOT).as_posix() for path in web.iterdir()}
    assert expected <= set(built.names)
    for licence in ("LICENSE", "ecgdigit_rt/models/NOTICE"):
        assert any(name.endswith(f".dist-info/licenses/{licence}") for name in built.names)
    assert not [name for name in built.names if "__pycache__" in name or "/tests/" in name]
    assert built.wheel.stat().st_size < MAX_WHEEL_BYTES


@pytest.mark.slow
def test_sdist_and_tree_build_the_same_wheel(built: Distributions) -> None:
    assert built.wheel.name == built.from_tree.name
    assert built.wheel.read_bytes() == built.from_tree.read_bytes()
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"requirements/runtime.txt", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"} <= names
    assert not [name for name in names if "__pycache__" in name]


@pytest.mark.slow
def test_twine_and_check_wheel_contents_pass(built: Distributions) -> None:
    python_m("twine", "check", "--strict", built.sdist, built.wheel)
    python_m("check_wheel_contents", built.wheel)


@pytest.mark.slow
def test_metadata_and_absolute_links(built: Distributions) -> None:
    metadata = built.metadata
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["License-Expression"] == "MIT"
    assert "Home-page" not in metadata
    text = str(metadata.get_payload())
    assert text.startswith("# ecgdigit-rt")
    assert "docs/accuracy.md" in text
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link] == []
    assert "<img" not in text


def test_changelog_has_unreleased_section_and_this_version() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])
    assert headings[1].startswith(f"{ecgdigit_rt.__version__} ")


def test_ci_runs_the_test_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0].strip() for block in readme.split("```bash\n")[1:]]
    assert blocks[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
