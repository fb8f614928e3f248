"""Lock files: versions within the ranges of pyproject.toml, hashes, and no machine-specific lines."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = {path.stem: path for path in (ROOT / "requirements").glob("*.txt")}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(lock: str) -> dict[str, str]:
    """Return the version of each package in a lock file."""
    return dict(re.findall(r"^([a-z\d.-]+)==(\S+)", LOCKS[lock].read_text(encoding="utf-8"), re.MULTILINE))


def unmet(lock: str, requirements: list[str]) -> list[str]:
    """Return the requirements that the pins of a lock file do not meet."""
    locked = pins(lock)
    parsed = [Requirement(text) for text in requirements]
    return [
        str(requirement)
        for requirement in parsed
        if requirement.name not in locked or not requirement.specifier.contains(locked[requirement.name])
    ]


def test_locks_match_pyproject() -> None:
    assert unmet("runtime", PROJECT["project"]["dependencies"]) == []
    assert unmet("build", PROJECT["build-system"]["requires"]) == []
    gpu = PROJECT["project"]["optional-dependencies"]["gpu"]
    assert unmet("gpu", [text for text in gpu if not text.startswith("tensorrt")]) == []
    assert unmet("runtime", ["numpy<2", "torch"]) == ["numpy<2", "torch"]  # verifies `unmet`


def test_shared_packages_have_the_same_version() -> None:
    runtime, gpu = pins("runtime"), pins("gpu")
    assert {name: gpu[name] for name in gpu.keys() & runtime.keys()}.items() <= runtime.items()


@pytest.mark.parametrize("lock", sorted(LOCKS))
def test_every_pin_has_hashes_and_no_index(lock: str) -> None:
    text = LOCKS[lock].read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", re.sub(r"(?m)^#.*\n", "", text).strip())
    assert len(blocks) == len(pins(lock))
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)
    assert not re.search(r"://|file:|--(extra-)?index|--find-links|(?<![\w-])/\w", text)


@pytest.mark.slow
@pytest.mark.skipif(
    "ECGDIGIT_AUDIT" not in os.environ, reason="needs a network service: set ECGDIGIT_AUDIT=1"
)
@pytest.mark.parametrize("lock", sorted(LOCKS))
def test_no_locked_package_has_a_known_vulnerability(lock: str) -> None:
    """Skipped if the advisory service cannot be reached, because pip-audit only warns in this case."""
    audit = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--format", "json"]
    audit += ["--progress-spinner", "off", "-r", str(LOCKS[lock])]
    done = subprocess.run(audit, capture_output=True, text=True, check=False, timeout=300)
    if not done.stdout.startswith("{"):
        pytest.skip(f"no advisory service: {done.stderr.strip().splitlines()[-1:]}")
    dependencies = json.loads(done.stdout)["dependencies"]
    vulnerable = {
        package["name"]: [advisory["id"] for advisory in package["vulns"]]
        for package in dependencies
        if package.get("vulns")
    }
    assert vulnerable == {}
    unchecked = [package["name"] for package in dependencies if "skip_reason" in package]
    if unchecked:
        pytest.skip(
            f"the advisory service did not answer for {len(unchecked)} of {len(dependencies)} packages"
        )
