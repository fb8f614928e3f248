"""Code blocks of the documentation, and checks of the commands in them.

The `bash` and `python` blocks of a page run in order, in one folder with a copy of examples/. The Python
blocks of a page share their variables. A comment above a block adds `<!-- makes: FILE FILE -->`, files that
it must create, or `<!-- not run: REASON -->`, if it is only parsed. Blocks of other languages are ignored.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from ecgdigit_rt.cli.app import app

_BLOCK = re.compile(
    r"^(?:<!-- (?P<key>makes|not run): (?P<value>[^\n]+) -->\n)?"
    r"```(?P<language>bash|python)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"ecgdigit-rt [^|&;`\n]+")
_INLINE = re.compile(r"`(ecgdigit-rt [^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """One block. `place` is such as tutorial.md:12, `makes` are files that it must create."""

    place: str
    language: str
    text: str
    makes: tuple[str, ...]
    is_run: bool


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("text"))
        makes = tuple(found["value"].split()) if found["key"] == "makes" else ()
        place = f"{page.name}:{line}"
        yield Block(place, found["language"], found["text"], makes, found["key"] != "not run")


def commands_in(shell: str) -> list[list[str]]:
    """Return the words after `ecgdigit-rt` of every command in a shell script."""
    lines = shell.replace("\\\n", " ")
    return [shlex.split(found, comments=True)[1:] for found in _COMMAND.findall(lines)]


def inline_commands(page: Path) -> list[list[str]]:
    """Return the words of commands in the text of a page. Values may be placeholders."""
    return [found.split()[1:] for found in _INLINE.findall(page.read_text(encoding="utf-8"))]


def parse(words: list[str]) -> None:
    """Parse a command line without running it. Raises if the command would refuse it."""
    command, rest = _command(words)
    command.make_context("command", list(rest))


def unknown_options(words: list[str]) -> list[str]:
    """Return the options among the words that their command does not have."""
    command, rest = _command(words)
    known = {name for one in command.params for name in one.opts} | {"--help"}
    return [word for word in rest if word.startswith("--") and word not in known]


def _command(words: list[str]) -> tuple[Any, list[str]]:
    found: Any = typer.main.get_command(app)
    rest = list(words)
    while rest and rest[0] in getattr(found, "commands", {}):
        found = found.commands[rest.pop(0)]
    return found, rest
