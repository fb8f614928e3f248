"""Real Triton server on the loopback interface, for the tests and `triton_load.py`.

The server is part of the wheel `nvidia-pytriton`. The wheel cannot be installed together with the package,
because it contains Triton 24.10, whose Python backend does not support NumPy 2. Install it in a separate
folder, with a NumPy 1 that only the processes of the server use:

    pip install --no-deps --target .triton nvidia-pytriton==0.7.0 numpy==1.26.4

The wheel contains the Python backend, but not the backends of ONNX Runtime and TensorRT.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
WHEEL = Path(os.environ.get("ECGDIGIT_TEST_TRITON", ROOT / ".triton"))
INSTALL = "pip install --no-deps --target .triton nvidia-pytriton==0.7.0 numpy==1.26.4"
PARTS = WHEEL / "pytriton" / "tritonserver"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
STUB = PARTS / "python_backend_stubs" / PYTHON / "triton_python_backend_stub"
START_TIMEOUT_S = 120


def unavailable_reason() -> str:
    """Return the reason why the server cannot run here, or an empty string."""
    if not (PARTS / "bin" / "tritonserver").is_file() or not (WHEEL / "numpy").is_dir():
        return f"no Triton server in {WHEEL}. Install it: {INSTALL}"
    if not STUB.is_file():
        return f"the wheel contains no Python backend for Python {PYTHON}"
    return "" if _libpython() is not None else f"libpython{PYTHON}.so.1.0 is missing (libpython{PYTHON})"


def _libpython() -> Path | None:
    """Return the folder of the interpreter's shared library, against which the backend is linked."""
    folders = (sysconfig.get_config_var("LIBDIR"), f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}")
    library = f"libpython{PYTHON}.so.1.0"
    return next((Path(folder) for folder in folders if (Path(folder) / library).is_file()), None)


def create_environment(folder: Path, *, numpy_2: bool = False) -> Path:
    """Create a Python environment for the server, with the packages of this process.

    It contains NumPy 1, or the NumPy of this process if `numpy_2` is true.
    """
    venv.create(folder, symlinks=True)
    packages = folder / "lib" / f"python{PYTHON}" / "site-packages"
    for part in () if numpy_2 else WHEEL.glob("numpy*"):
        (packages / part.name).symlink_to(part)
    search_path = [path for path in sys.path if path and Path(path).is_dir() and "python3" not in path]
    sources = [ROOT, ROOT / "engine", ROOT / "kernels"]
    site_packages = [
        f"import site; site.addsitedir({path!r})" for path in sys.path if path.endswith("site-packages")
    ]
    lines = [*map(str, sources), *search_path, *site_packages]
    (packages / "tests.pth").write_text("\n".join(lines) + "\n")
    return folder


@dataclass(frozen=True, slots=True)
class Server:
    """Running server: addresses, process and log file."""

    http: str
    grpc: str
    process: subprocess.Popen[bytes]
    log: Path

    def is_ready(self, model: str = "") -> bool:
        """Return whether the server is ready, or the model if its name is not empty."""
        path = f"v2/models/{model}/ready" if model else "v2/health/ready"
        try:
            with urllib.request.urlopen(f"http://{self.http}/{path}", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False


@contextmanager
def serve(repository: Path, work: Path, models: list[str]) -> Iterator[Server]:
    """Serve models of a repository inside the block. `work` is a folder for the files of the server."""
    backend = work / "backends" / "python"
    shutil.copytree(PARTS / "backends" / "python", backend)
    shutil.copy(STUB, backend)
    (backend / STUB.name).chmod(0o755)
    ports = _free_ports(2)
    options = {
        "--model-repository": repository,
        "--backend-directory": work / "backends",
        "--model-control-mode": "explicit",
        "--http-address": "127.0.0.1",
        "--http-port": ports[0],
        "--grpc-address": "127.0.0.1",
        "--grpc-port": ports[1],
        "--allow-metrics": "false",
    }
    command = [str(PARTS / "bin" / "tritonserver"), *(f"{name}={value}" for name, value in options.items())]
    command += [f"--load-model={model}" for model in models]
    libraries = f"{_libpython()}:{WHEEL / 'nvidia_pytriton.libs'}"
    log = work / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "LD_LIBRARY_PATH": libraries}
        )
    server = Server(f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", process, log)
    try:
        _wait(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: Server) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.is_ready():
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start:\n{server.log.read_text()[-6000:]}")
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for bound in sockets:
        bound.bind(("127.0.0.1", 0))
    ports = [int(bound.getsockname()[1]) for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports
