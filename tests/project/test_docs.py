"""Documentation: commands run, links resolve, and generated pages are up to date."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_type_hints

import matplotlib as mpl
import pytest
from doc_blocks import Block, blocks_of, commands_in, inline_commands, parse, unknown_options

import ecgdigit_rt
from ecgdigit_rt import Doubt
from ecgdigit_rt.classical.pipeline import CLASSICAL_STEPS, ClassicalState
from ecgdigit_rt.pipeline import STEPS, PageState
from ecgdigit_rt.results import Digitized, Failed, Layout, Lead, PageRef, Provenance, Row, Segment
from ecgdigit_rt.steps import Step

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
WITH_BLOCKS = [page for page in PAGES if any(blocks_of(page))]
BLOCKS = [block for page in WITH_BLOCKS for block in blocks_of(page)]
LARGEST_PICTURE = 250_000


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder for the blocks of a page, with examples/, the command on PATH, and a separate engine folder."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("ECGDIGIT_ENGINES", str(tmp_path / "engines"))
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    return tmp_path


def run(block: Block, names: dict[str, object]) -> None:
    if block.language == "python":
        exec(compile(block.text, block.place, "exec"), names)
        return
    shell = ["bash", "-euo", "pipefail", "-c", block.text]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block.place} ended with {done.returncode}:\n{done.stdout}{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_BLOCKS, ids=name_of)
def test_blocks_run_and_create_their_files(page: Path, folder: Path) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.is_run:
            assert not [name for name in block.makes if (folder / name).exists()], block.place
            run(block, names)
            missing = [name for name in block.makes if not (folder / name).is_file()]
            assert not missing, f"{block.place} did not create {', '.join(missing)}"


def test_every_block_is_found() -> None:
    lines = [line for page in PAGES for line in page.read_text("utf-8").splitlines()]
    assert sum(line in ("```bash", "```python") for line in lines) == len(BLOCKS)
    comments = [line for line in lines if line.startswith(("<!-- makes", "<!-- not run"))]
    assert len(comments) == sum(bool(block.makes) or not block.is_run for block in BLOCKS)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_blocks_parse(block: Block) -> None:
    if block.language == "python":
        compile(block.text, block.place, "exec")
    else:
        subprocess.run(["bash", "-n", "-c", block.text], check=True)
        for words in commands_in(block.text):
            parse(words)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_named_in_the_text_exist(page: Path) -> None:
    assert [option for words in inline_commands(page) for option in unknown_options(words)] == []


def test_unknown_options_are_detected() -> None:
    assert commands_in("a && ecgdigit-rt run x \\\n  --out 'y z' | b") == [["run", "x", "--out", "y z"]]
    assert unknown_options(["run", "x", "--nonsense"]) == ["--nonsense"]
    with pytest.raises(Exception, match="nonsense"):
        parse(["run", "x", "--out", "y", "--nonsense"])


def test_the_command_line_reference_is_up_to_date() -> None:
    script = DOCS / "tools" / "cli_reference.py"
    made = subprocess.run([sys.executable, str(script)], capture_output=True, check=True).stdout.decode()
    assert made == (DOCS / "cli.md").read_text(encoding="utf-8"), (
        "python docs/tools/cli_reference.py > docs/cli.md"
    )


PUBLIC = (ecgdigit_rt.Digitizer, Digitized, Lead, Layout, Row, Segment, Provenance, Failed, PageRef, Doubt)


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_the_python_reference_is_complete(kind: type) -> None:
    assert f"::: {kind.__module__}.{kind.__qualname__}\n" in (DOCS / "api.md").read_text(encoding="utf-8")
    text = inspect.getdoc(kind) or ""
    fields = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    names = set(fields or inspect.signature(kind).parameters)
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", text)) == []
    members = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
    functions = {name: value for name, value in members.items() if callable(value)}
    for name, function in functions.items():
        sections = inspect.getdoc(function) or ""
        parameters = [name for name in inspect.signature(function).parameters if name != "self"]
        documented = [
            re.search(rf"^{parameter} : |, {parameter} : ", sections, re.MULTILINE)
            for parameter in parameters
        ]
        assert all(documented), name


def test_the_architecture_lists_the_declared_steps() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    section = text.split("## Pipeline steps")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert rows == [step.name for step in STEPS]


@pytest.mark.parametrize(("steps", "state"), [(STEPS, PageState), (CLASSICAL_STEPS, ClassicalState)])
def test_each_step_returns_the_type_of_its_field(steps: Sequence[Step[object]], state: type) -> None:
    hints = get_type_hints(state)
    assert [get_type_hints(step.run)["return"] for step in steps] == [hints[step.field] for step in steps]


def test_every_export_has_a_reference() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    assert [name for name in ecgdigit_rt.__all__ if name not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_pictures_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    inside = [target.split("#")[0] for target in targets if "://" not in target]
    assert [target for target in inside if target and not (page.parent / target).exists()] == []


def test_pictures_are_small_and_used() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in (DOCS / "images").iterdir():
        assert picture.stat().st_size < LARGEST_PICTURE, picture.name
        assert f"images/{picture.name}" in text, f"no page contains {picture.name}"


@pytest.mark.slow
def test_the_site_builds_and_loads_nothing_from_other_hosts(tmp_path: Path) -> None:
    pytest.importorskip("material")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = re.compile(r"<(?:script|img|iframe)[^>]+src=\S*//|<link[^>]+href=\S*//|url\(\W?(?:https?:)?//")
    found = {page.name: loaded.findall(page.read_text("utf-8")) for page in tmp_path.rglob("*.html")}
    assert {"index.html", "tutorial.html", "cli.html", "readme.html"} <= set(found)
    assert {name: matches for name, matches in found.items() if matches} == {}
    assert not (tmp_path / "tools").exists()
