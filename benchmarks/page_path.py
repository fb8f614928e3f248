"""Modules that one page passes through, from the command `run` to the written file.

    python benchmarks/page_path.py PAGE [--list]

The script counts every module of the project that executes at least one function while `ecgdigit-rt run PAGE
--out out.csv` runs in one thread. Imports, the warm-up of kernels and the preparation of the digitizer
(selection of a backend, loading of models, opening of networks) do not count, because no page passes through
them. Modules are listed in the order of their first call. A backward step is a first call in a folder that
precedes the folder of the previous first call in FOLDERS.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from itertools import pairwise
from pathlib import Path
from types import FrameType

PROJECT = ("ecgdigit_rt", "ecgdigit_engine", "ecgdigit_kernels")

PREPARATION = (("ecgdigit_rt.digitizer", "__init__"), ("ecgdigit_rt.methods", "_open"))
"""Functions that select a backend, load models and open networks."""

FOLDERS = (
    "cli", "runs", "digitizer", "models", "pipeline", "decode", "geometry", "layout", "tracing", "formats",
    "plots",
)  # fmt: skip
"""Folders and modules in the order in which a page passes them.

Infrastructure, engine and kernels are not part of this order.
"""


def modules_of_run(page: Path) -> list[str]:
    """Return the modules whose functions a run of one page executes, in the order of their first call."""
    from ecgdigit_rt.cli.app import exit_code

    order: dict[str, None] = {}

    def observe(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_name not in ("<module>", "__getattr__"):
            name = frame.f_globals.get("__name__", "")
            if name.split(".")[0] in PROJECT and name not in order and not _is_preparation(frame):
                order.setdefault(name)

    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out.csv")
        threading.setprofile(observe)
        sys.setprofile(observe)
        try:
            code = exit_code(["run", str(page), "--out", out, "--threads", "1"])
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    if code:
        raise SystemExit(f"The run ended with exit code {code}.")
    return list(order)


def _is_preparation(frame: FrameType) -> bool:
    """Return whether a call belongs to an import, to the warm-up, or to the construction of the digitizer."""
    caller: FrameType | None = frame
    while caller is not None:
        name, function = caller.f_globals.get("__name__", ""), caller.f_code.co_name
        if name == "ecgdigit_rt.warmup" or (name, function) in PREPARATION:
            return True
        if function == "<module>" and name.split(".")[0] in PROJECT:
            return True
        caller = caller.f_back
    return False


def folder_index(module: str) -> int | None:
    """Return the index of the folder of a module in `FOLDERS`, or None."""
    parts = module.split(".")
    name = parts[1] if parts[0] == "ecgdigit_rt" and len(parts) > 1 else ""
    return FOLDERS.index(name) if name in FOLDERS else None


def main() -> None:
    """Parse the arguments, run and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--list", action="store_true", help="print the modules")
    arguments = parser.parse_args()
    modules = modules_of_run(arguments.page)
    indices = [(module, index) for module in modules if (index := folder_index(module)) is not None]
    steps = [(before, after) for (before, first), (after, second) in pairwise(indices) if second < first]
    if arguments.list:
        sys.stdout.write("\n".join(modules) + "\n")
    backward = "; ".join(f"{before} → {after}" for before, after in steps)
    sys.stdout.write(f"{len(modules)} modules, {len(steps)} backward steps: {backward}\n")


if __name__ == "__main__":
    main()
