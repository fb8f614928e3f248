"""The locked packages: within pyproject's ranges, each with its hashes, nothing of one machine in them."""

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
    """Package → version."""
    return dict(re.findall(r"^([a-z\d.-]+)==(\S+)", LOCKS[lock].read_text(encoding="utf-8"), re.MULTILINE))


def outside(lock: str, wanted: list[str]) -> list[str]:
    """Requirements that a lock's pins do not meet."""
    locked = pins(lock)
    needs = [Requirement(text) for text in wanted]
    meets = {need.name: need.name in locked and need.specifier.contains(locked[need.name]) for need in needs}
    return [str(need) for need in needs if not meets[need.name]]


def test_the_locks_fit_pyproject() -> None:
    assert outside("runtime", PROJECT["project"]["dependencies"]) == []
    assert outside("build", PROJECT["build-system"]["requires"]) == []
    gpu = PROJECT["project"]["optional-dependencies"]["gpu"]
    assert outside("gpu", [need for need in gpu if not need.startswith("tensorrt")]) == []
    assert outside("runtime", ["numpy<2", "torch"]) == ["numpy<2", "torch"]  # so it would be seen


def test_what_two_locks_name_is_the_same_version() -> None:
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
@pytest.mark.skipif("ECGDIGIT_AUDIT" not in os.environ, reason="asks a network service: set ECGDIGIT_AUDIT=1")
@pytest.mark.parametrize("lock", sorted(LOCKS))
def test_no_locked_package_has_a_known_weakness(lock: str) -> None:
    """Skipped, not passed, where the advisories cannot be reached: pip-audit itself only warns of that."""
    audit = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--format", "json"]
    audit += ["--progress-spinner", "off", "-r", str(LOCKS[lock])]
    done = subprocess.run(audit, capture_output=True, text=True, check=False, timeout=300)
    if not done.stdout.startswith("{"):
        pytest.skip(f"no advisory service: {done.stderr.strip().splitlines()[-1:]}")
    found = json.loads(done.stdout)["dependencies"]
    weak = {one["name"]: [what["id"] for what in one["vulns"]] for one in found if one.get("vulns")}
    assert weak == {}
    unasked = [one["name"] for one in found if "skip_reason" in one]
    if unasked:
        pytest.skip(f"the advisory service did not answer for {len(unasked)} of {len(found)} packages")
