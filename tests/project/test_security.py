"""What a run never does, seen from inside the interpreter: unpickle what it was given, ask the network.

Python's audit events name both. Numba alone unpickles: its own machine code, from the cache folder, and
constants in memory. docs/security.md says what that means.
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
JIT = ROOT / "kernels/ecgdigit_kernels/jit.py"
PICKLING = {"pickle", "_pickle", "marshal", "shelve", "joblib", "dill", "cloudpickle", "jsonpickle"}
NUMBA_CACHE, NUMBA_MEMORY = "numba.core.caching", "numba.core.serialize"
OUTWARD = (
    "socket.", "urllib.", "http.", "ftplib.", "smtplib.", "os.system", "os.exec", "os.fork",
    "os.posix_spawn", "subprocess.",
)  # fmt: skip

WATCHED = """
import json, sys
seen = []
def watch(event, arguments):
    if event == "pickle.find_class" or event.startswith({outward}):
        seen.append((event, sys._getframe(1).f_globals.get("__name__", ""), ".".join(map(str, arguments))))
sys.addaudithook(watch)
try:
    {code}
finally:
    print(json.dumps(seen))
"""


@dataclass(frozen=True, slots=True)
class Event:
    """An audit event: its name, the module that caused it, its arguments joined."""

    name: str
    module: str
    about: str


def events_of(code: str, *watch: str, **environment: str) -> list[Event]:
    """What a new interpreter does that matters here, while it runs one statement. watch: runs around it."""
    script = WATCHED.format(outward=OUTWARD, code=code)
    plain = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [*watch, sys.executable, "-c", script],
        capture_output=True, text=True, check=False, cwd=ROOT, env=plain | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [Event(*event) for event in json.loads(done.stdout.splitlines()[-1])]


def runtime_files() -> list[Path]:
    return [path for package in RUNTIME for path in (ROOT / package).rglob("*.py")]


def page_run(folder: Path, backend: str) -> str:
    words = ["run", "examples/000001_colour_scan.jpg", "--backend", backend]
    words += ["--format", "csv", "--out", str(folder / "signals")]
    return f"from ecgdigit_rt.cli.app import exit_code; assert exit_code({words}) == 0"


def test_the_watch_sees_what_it_is_there_for() -> None:
    code = "import pickle, pathlib, socket; pickle.loads(pickle.dumps(pathlib.Path())); socket.socket()"
    assert {event.name for event in events_of(code)} == {"pickle.find_class", "socket.__new__"}


def test_an_import_unpickles_nothing_and_asks_no_one() -> None:
    assert events_of("import ecgdigit_rt, ecgdigit_rt.digitizer, ecgdigit_rt.warmup") == []


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_page_unpickles_kernels_alone_and_asks_no_one(backend: str, tmp_path: Path) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino_telemetry", reason="openvino, which brings it, is not installed")
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    strace = ("strace", "-f", "-q", "-e", "trace=network", "-o", str(trace)) if shutil.which("strace") else ()
    homes = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    events = events_of(page_run(tmp_path, backend), *strace, **homes)
    assert [event for event in events if event.name != "pickle.find_class"] == []
    assert {event.module for event in events} <= {NUMBA_CACHE, NUMBA_MEMORY}
    origins = {event.about.split(".")[0] for event in events}
    assert origins <= {"numba", "llvmlite", "numpy", "copyreg", "builtins", "collections"}
    left = [path for path in home.rglob("*") if path.is_file() and "numba" not in path.parts]
    assert left == []  # a device id to be told apart by, or events that wait to be sent
    if strace:  # libraries that are not Python
        assert [line for line in trace.read_text().splitlines() if "socket(" in line] == []


def test_without_a_kernel_cache_no_file_is_unpickled() -> None:
    code = "import numpy as np; from ecgdigit_kernels.pchip import filled_gaps as fill; "
    code += "fill(np.zeros(9, np.float32), np.arange(9) % 2 == 0)"
    events = events_of(code, ECGDIGIT_KERNEL_CACHE="off")
    assert {(event.name, event.module) for event in events} <= {("pickle.find_class", NUMBA_MEMORY)}
    assert [path for path in runtime_files() if "njit" in path.read_text("utf-8")] == [
        JIT
    ]  # so it is for all


def test_no_module_of_the_runtime_can_unpickle_or_evaluate() -> None:
    files = runtime_files()
    assert len(files) > 100
    assert [f"{path}: {what}" for path in files for what in dangers(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "import os, marshal as m",
        "np.load(path, allow_pickle=True)",
        "np.load(path, None, may_it)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "pd.read_pickle(path)",
        "eval(text)",
        "__import__('pickle')",
        "importlib.import_module('pickle')",
    ],
)
def test_each_of_these_would_be_found(code: str) -> None:
    assert dangers(code)


def test_what_is_harmless_is_let_through() -> None:
    harmless = ("np.load(path)", "np.load(path, allow_pickle=False)", "torch.load(path, weights_only=True)")
    assert [what for code in harmless for what in dangers(code)] == []


def dangers(code: str) -> list[str]:
    """What of a module's text unpickles or evaluates, in its own words."""
    return [ast.unparse(node) for node in ast.walk(ast.parse(code)) if is_danger(node)]


def is_danger(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] in PICKLING for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] in PICKLING
    if isinstance(node, ast.Constant):
        return node.value in PICKLING  # the name of a module that is imported by its name
    return isinstance(node, ast.Call) and is_dangerous_call(node)


def is_dangerous_call(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    stated = {word.arg: ast.unparse(word.value) for word in call.keywords}
    if name in {"np.load", "numpy.load"}:
        return len(call.args) > 2 or stated.get("allow_pickle", "False") != "False"
    if name.endswith("torch.load") or name == "torch.load":
        return stated.get("weights_only") != "True"
    return name in {"eval", "exec", "builtins.eval", "builtins.exec"} or name.endswith("read_pickle")
