"""Build of engine/cpp with sanitizers, and execution of its programs."""

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
SANITIZER_EXIT_CODE = 99
"""Exit code of a program in which a sanitizer reports an error."""


def unavailable_reason() -> str:
    """Return the reason why engine/cpp cannot be built on this machine, or an empty string."""
    missing = [tool for tool in ("cmake", "c++") if shutil.which(tool) is None]
    if not missing:
        missing = [header for header in HEADERS if not _has_header(header)]
    return f"{', '.join(missing)} missing: {INSTALL}" if missing else ""


def has_openvino() -> bool:
    """Return True if the package with OpenVINO's headers is installed."""
    return importlib.util.find_spec("openvino") is not None


def _has_header(name: str) -> bool:
    source = f"#if !__has_include(<{name}>)\n#error absent\n#endif\n"
    compiler = ["c++", "-std=c++17", "-fsyntax-only", "-x", "c++", "-"]
    return subprocess.run(compiler, input=source.encode(), capture_output=True, check=False).returncode == 0


def build(folder: Path) -> None:
    """Configure and build everything, with warnings as errors. Raises AssertionError with the output."""
    options = []
    if has_openvino():
        from openvino.utils import get_cmake_path

        options = ["-DECGDIGIT_OPENVINO=ON", f"-DOpenVINO_DIR={get_cmake_path()}"]
    run_command(["cmake", "--preset", "sanitized", "-B", str(folder), *options], SOURCE)
    run_command(["cmake", "--build", str(folder), "--parallel", "2"], SOURCE)


def run_command(words: list[str], folder: Path) -> None:
    """Run a build command. Raises AssertionError with its output if it fails."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout[-6000:]}{done.stderr[-6000:]}"


@dataclass(frozen=True, slots=True)
class Completed:
    """Exit code and output of a program."""

    code: int
    out: str
    err: str


def run(program: Path, *words: str | Path, leaks: bool = True) -> Completed:
    """Run a program. Raises AssertionError if a sanitizer reports an error, or if `leaks`, a leak."""
    options = f"halt_on_error=1:exitcode={SANITIZER_EXIT_CODE}:detect_leaks={int(leaks)}"
    # OpenVINO's TBB opens a library in a way that AddressSanitizer forbids unless this variable is set.
    sanitizer_variables = {"ASAN_OPTIONS": options, "UBSAN_OPTIONS": options, "TBB_ENABLE_SANITIZERS": "1"}
    environment = {**os.environ, **sanitizer_variables, "no_proxy": "*"}
    done = subprocess.run([program, *words], env=environment, capture_output=True, timeout=300, check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode != SANITIZER_EXIT_CODE, err
    assert "Sanitizer" not in err, err
    assert "runtime error" not in err, err
    return Completed(done.returncode, out, err)


def run_client(folder: Path, url: str, *words: str | Path) -> Completed:
    """Run the client with the URL of a server."""
    return run(folder / "ecgdigit-client", "--url", url, *words)
