"""The C++ folder, configured and built with sanitizers, and its programs run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "engine" / "cpp"
INSTALL = "apt-get install cmake g++ libcurl4-openssl-dev nlohmann-json3-dev"
HEADERS = ("curl/curl.h", "nlohmann/json.hpp")
FOUND = 99
"""The exit code of a program in which a sanitizer found something."""


def why_not() -> str:
    """What keeps the folder from being built here; nothing where it can be."""
    absent = [tool for tool in ("cmake", "c++") if shutil.which(tool) is None]
    if not absent:
        absent = [header for header in HEADERS if not _has_header(header)]
    return f"{', '.join(absent)} missing: {INSTALL}" if absent else ""


def has_openvino() -> bool:
    return importlib.util.find_spec("openvino") is not None


def _has_header(name: str) -> bool:
    source = f"#if !__has_include(<{name}>)\n#error absent\n#endif\n"
    compiler = ["c++", "-std=c++17", "-fsyntax-only", "-x", "c++", "-"]
    return subprocess.run(compiler, input=source.encode(), capture_output=True, check=False).returncode == 0


def build(folder: Path) -> None:
    """Configure and build all of it; warnings are errors. Raises AssertionError, with what was said."""
    options = []
    if has_openvino():
        from openvino.utils import get_cmake_path

        options = ["-DECGDIGIT_OPENVINO=ON", f"-DOpenVINO_DIR={get_cmake_path()}"]
    command(["cmake", "--preset", "sanitized", "-B", str(folder), *options], SOURCE)
    command(["cmake", "--build", str(folder), "--parallel", "2"], SOURCE)


def command(words: list[str], folder: Path) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout[-6000:]}{done.stderr[-6000:]}"


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


def run(program: Path, *words: str | Path, leaks: bool = True) -> Ended:
    """Run a program of the folder. Raises AssertionError where a sanitizer found something.

    leaks: whether memory that is not given back counts, too.
    """
    stop = f"halt_on_error=1:exitcode={FOUND}:detect_leaks={int(leaks)}"
    # OpenVINO's TBB opens a library in a way that AddressSanitizer forbids, unless it is told.
    sanitizing = {"ASAN_OPTIONS": stop, "UBSAN_OPTIONS": stop, "TBB_ENABLE_SANITIZERS": "1"}
    environment = {**os.environ, **sanitizing, "no_proxy": "*"}
    done = subprocess.run([program, *words], env=environment, capture_output=True, timeout=300, check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode != FOUND, err
    assert "Sanitizer" not in err, err
    assert "runtime error" not in err, err
    return Ended(done.returncode, out, err)
