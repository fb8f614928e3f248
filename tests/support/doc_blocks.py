"""Code blocks of the documentation, and checks of the commands in them.

The `bash` and `python` blocks of a page run in order, in one folder with a copy of examples/. The Python
blocks of a page share their variables. The comment `<!-- makes: FILE FILE -->` above a block lists files
that the block must create. A block below `<!-- not run: REASON -->` is only parsed. Blocks of other languages
are ignored.
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
    """One block.

    `place` is its file and line, such as tutorial.md:12. `makes` are the files that it must create.
    """

    place: str
    language: str
    text: str
    makes: tuple[str, ...]
    is_run: bool


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("text"))
        makes = tuple(match["value"].split()) if match["key"] == "makes" else ()
        place = f"{page.name}:{line}"
        yield Block(place, match["language"], match["text"], makes, match["key"] != "not run")


def commands_in(shell: str) -> list[list[str]]:
    """Return the words after `ecgdigit-rt` of every command in a shell script."""
    lines = shell.replace("\\\n", " ")
    return [shlex.split(command, comments=True)[1:] for command in _COMMAND.findall(lines)]


def inline_commands(page: Path) -> list[list[str]]:
    """Return the words of the commands in code spans of a page. Values may be placeholders."""
    return [command.split()[1:] for command in _INLINE.findall(page.read_text(encoding="utf-8"))]


def parse(words: list[str]) -> None:
    """Parse a command line without running it. Raises the usage error of an invalid command line."""
    command, rest = _command(words)
    command.make_context("command", list(rest))


def unknown_options(words: list[str]) -> list[str]:
    """Return the options among the words that do not exist in their command."""
    command, rest = _command(words)
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    return [word for word in rest if word.startswith("--") and word not in known]


def _command(words: list[str]) -> tuple[Any, list[str]]:
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    return command, rest
