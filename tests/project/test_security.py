"""Audit of a run, which must neither unpickle inputs nor send network requests.

Audit events of Python report both. Only Numba unpickles data: its machine code from the cache folder, and
constants in memory. docs/security.md explains the consequences.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNTIME = ("ecgdigit_rt", "engine/ecgdigit_engine", "kernels/ecgdigit_kernels")
COMPILERS = {ROOT / "kernels/ecgdigit_kernels" / name for name in ("jit.py", "kernel_cache.py")}
PICKLING = {"pickle", "_pickle", "marshal", "shelve", "joblib", "dill", "cloudpickle", "jsonpickle"}
NUMBA_CACHE, NUMBA_MEMORY = "numba.core.caching", "numba.core.serialize"
PROCESS_AND_NETWORK = (
    "socket.", "urllib.", "http.", "ftplib.", "smtplib.", "os.system", "os.exec", "os.fork",
    "os.posix_spawn", "subprocess.",
)  # fmt: skip

AUDITED = """
import json, sys
events = []
def record(event, arguments):
    if event == "pickle.find_class" or event.startswith({prefixes}):
        events.append((event, sys._getframe(1).f_globals.get("__name__", ""), ".".join(map(str, arguments))))
sys.addaudithook(record)
try:
    {code}
finally:
    print(json.dumps(events))
"""


@dataclass(frozen=True, slots=True)
class Event:
    """Audit event with its name, the module that caused it, and its arguments as one text."""

    name: str
    module: str
    arguments: str


def events_of(code: str, *wrapper: str, **environment: str) -> list[Event]:
    """Return the audit events of one statement in a new interpreter, which `wrapper` starts."""
    script = AUDITED.format(prefixes=PROCESS_AND_NETWORK, code=code)
    plain = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [*wrapper, sys.executable, "-c", script],
        capture_output=True, text=True, check=False, cwd=ROOT, env=plain | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [Event(*event) for event in json.loads(done.stdout.splitlines()[-1])]


def runtime_files() -> list[Path]:
    return [path for package in RUNTIME for path in (ROOT / package).rglob("*.py")]


def run_statement(folder: Path, backend: str) -> str:
    arguments = ["run", "examples/000001_colour_scan.jpg", "--backend", backend]
    arguments += ["--format", "csv", "--out", str(folder / "signals")]
    return f"from ecgdigit_rt.cli.app import exit_code; assert exit_code({arguments}) == 0"


def test_audit_hook_reports_unpickling_and_sockets() -> None:
    code = "import pickle, pathlib, socket; pickle.loads(pickle.dumps(pathlib.Path())); socket.socket()"
    assert {event.name for event in events_of(code)} == {"pickle.find_class", "socket.__new__"}


def test_import_unpickles_nothing_and_sends_no_request() -> None:
    assert events_of("import ecgdigit_rt, ecgdigit_rt.digitizer, ecgdigit_rt.warmup") == []


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_page_unpickles_only_kernels_and_sends_no_request(backend: str, tmp_path: Path) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino_telemetry", reason="openvino, which brings it, is not installed")
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    strace = ("strace", "-f", "-q", "-e", "trace=network", "-o", str(trace)) if shutil.which("strace") else ()
    homes = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    events = events_of(run_statement(tmp_path, backend), *strace, **homes)
    assert [event for event in events if event.name != "pickle.find_class"] == []
    assert {event.module for event in events} <= {NUMBA_CACHE, NUMBA_MEMORY}
    origins = {event.arguments.split(".")[0] for event in events}
    assert origins <= {"numba", "llvmlite", "numpy", "copyreg", "builtins", "collections"}
    files = [path for path in home.rglob("*") if path.is_file() and "numba" not in path.parts]
    assert files == []  # neither a device id nor queued telemetry
    if strace:  # includes requests of native libraries
        assert [line for line in trace.read_text().splitlines() if "socket(" in line] == []


def test_without_kernel_cache_no_file_is_unpickled() -> None:
    code = "import numpy as np; from ecgdigit_kernels.pchip import fill_gaps as fill; "
    code += "fill(np.zeros(9, np.float32), np.arange(9) % 2 == 0)"
    events = events_of(code, ECGDIGIT_KERNEL_CACHE="off")
    assert {(event.name, event.module) for event in events} <= {("pickle.find_class", NUMBA_MEMORY)}
    compilers = {path for path in runtime_files() if "njit" in path.read_text("utf-8")}
    assert compilers == COMPILERS  # the result applies to all kernels, because no other module compiles


def test_runtime_has_no_unpickling_or_eval() -> None:
    files = runtime_files()
    assert len(files) > 100
    assert [
        f"{path}: {call}" for path in files for call in unsafe_calls(path.read_text(encoding="utf-8"))
    ] == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "import os, marshal as m",
        "np.load(path, allow_pickle=True)",
        "np.load(path, None, allow)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "pd.read_pickle(path)",
        "eval(text)",
        "__import__('pickle')",
        "importlib.import_module('pickle')",
    ],
)
def test_unsafe_calls_are_detected(code: str) -> None:
    assert unsafe_calls(code)


def test_safe_calls_are_accepted() -> None:
    harmless = ("np.load(path)", "np.load(path, allow_pickle=False)", "torch.load(path, weights_only=True)")
    assert [call for code in harmless for call in unsafe_calls(code)] == []


def unsafe_calls(code: str) -> list[str]:
    """Return the imports, names and calls of a module that unpickle or evaluate code."""
    return [ast.unparse(node) for node in ast.walk(ast.parse(code)) if is_unsafe(node)]


def is_unsafe(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] in PICKLING for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] in PICKLING
    if isinstance(node, ast.Constant):
        return node.value in PICKLING  # a module name for importlib
    return isinstance(node, ast.Call) and is_unsafe_call(node)


def is_unsafe_call(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if name in {"np.load", "numpy.load"}:
        return len(call.args) > 2 or keywords.get("allow_pickle", "False") != "False"
    if name.endswith("torch.load") or name == "torch.load":
        return keywords.get("weights_only") != "True"
    return name in {"eval", "exec", "builtins.eval", "builtins.exec"} or name.endswith("read_pickle")
