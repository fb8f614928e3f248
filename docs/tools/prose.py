"""Prose linter: reports house words in docs, docstrings, comments and messages.

    python docs/tools/prose.py [PATH...]

Words and replacements are listed in house_words.txt. Also reports docstrings that begin with a question word.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORDS = Path(__file__).with_name("house_words.txt")
SKIPPED = ("CHANGELOG.md", "docs/tools/", "tests/")
QUESTION = re.compile(r"(What|Where|Which|How|Whether|Who|Why|When)\b")


@dataclass(frozen=True, slots=True)
class Finding:
    """One word in one line of a file."""

    path: Path
    line: int
    text: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text!r}: use {self.advice}"


def house_words() -> list[tuple[re.Pattern[str], str]]:
    """Return the expressions of `house_words.txt` with their replacements."""
    rows = [line for line in WORDS.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    pairs = [row.split("\t") for row in rows]
    return [(re.compile(pattern, re.IGNORECASE), advice) for pattern, advice in pairs]


def prose_of_markdown(source: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text outside of code blocks and code spans."""
    in_code = False
    for number, line in enumerate(source.splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            yield number, re.sub(r"`[^`]*`", "``", line)


def prose_of_python(source: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text of comments and of strings that hold a sentence."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and " " in token.string):
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, re.sub(r"`[^`]*`", "``", line)


def question_docstrings(path: Path, source: str) -> Iterator[Finding]:
    """Yield docstrings that begin as a question or a noun clause."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node) or ""
            if found := QUESTION.match(text):
                yield Finding(path, getattr(node, "lineno", 1), found[0], "a noun phrase or a verb")


def findings(path: Path) -> Iterator[Finding]:
    """Yield the findings of one file."""
    source = (ROOT / path).read_text("utf-8")
    is_python = path.suffix == ".py"
    words = house_words()
    for number, line in prose_of_python(source) if is_python else prose_of_markdown(source):
        for pattern, advice in words:
            if found := pattern.search(line):
                yield Finding(path, number, found[0], advice)
    if is_python:
        yield from question_docstrings(path, source)


def checked_files() -> list[Path]:
    """Return the tracked Markdown and Python files that are checked."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "*.md", "*.py"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [
        Path(name) for name in sorted(set(names)) if not name.startswith(SKIPPED) and (ROOT / name).is_file()
    ]


def main() -> int:
    """Print all findings and return 1 if there are any."""
    paths = [Path(name).resolve().relative_to(ROOT) for name in sys.argv[1:]] or checked_files()
    found = [one for path in paths for one in findings(path)]
    print("\n".join(map(str, found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
