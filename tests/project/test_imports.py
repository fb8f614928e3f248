"""Imports: no heavy modules at import or for help, and no training code in the runtime."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from loaded_modules import HEAVY, ROOT, modules_after


@pytest.mark.parametrize(
    "code",
    [
        "import ecgdigit_rt",
        "from ecgdigit_rt import EcgDigitError",
        *(
            f"from ecgdigit_rt.cli.app import exit_code; assert exit_code({arguments}) == 0"
            for arguments in (
                ["--help"],
                ["run", "--help"],
                ["evaluate", "--help"],
                ["serve", "--help"],
                ["--version"],
            )
        ),
    ],
)
def test_no_heavy_module_is_loaded(code: str) -> None:
    assert modules_after(code).isdisjoint(HEAVY)


def test_import_of_the_package_does_not_load_numpy() -> None:
    assert "numpy" not in modules_after("import ecgdigit_rt")


def test_public_names() -> None:
    code = (
        "import ecgdigit_rt\n"
        "from ecgdigit_rt import Digitized, Failed, Lead, PageRef, EcgDigitError, __version__\n"
        "assert {'Digitizer', 'Lead'} <= set(dir(ecgdigit_rt)) and Lead.__name__ == 'Lead'\n"
        "try: ecgdigit_rt.nothing\n"
        "except AttributeError as error: assert 'nothing' in str(error)\n"
        "else: raise SystemExit('no AttributeError')"
    )
    assert "ecgdigit_rt.results" in modules_after(code)


def module_level_imports(path: Path) -> set[str]:
    """Return the top-level packages that a file imports at module level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_runtime_imports_no_training_code_at_module_level() -> None:
    for package in ("ecgdigit_rt", "engine/ecgdigit_engine", "kernels/ecgdigit_kernels"):
        for path in (ROOT / package).rglob("*.py"):
            assert not module_level_imports(path) & {"ecgdigit_export", "torch", "onnx"}, path


def test_only_the_command_line_prints_and_exits() -> None:
    for package in ("ecgdigit_rt", "engine", "kernels"):
        for path in (ROOT / package).rglob("*.py"):
            if "cli" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    assert ast.unparse(node.func) not in {"print", "sys.exit", "exit"}, path


def test_module_names_on_the_test_path_are_unique() -> None:
    """A benchmark and a helper of the tests with the same name would hide each other."""
    modules = [
        path
        for folder in ("benchmarks", "docs/tools", "tests/support")
        for path in (ROOT / folder).glob("*.py")
    ]
    names = Counter(path.stem for path in modules)
    assert [name for name, count in names.items() if count > 1] == []
