"""The page of the command line, made of the verbs themselves.

python docs/tools/cli_reference.py > docs/cli.md
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Annotated, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from ecgdigit_rt.cli.app import app

INTRODUCTION = """\
# Command line

This page is made of the verbs themselves by `docs/tools/cli_reference.py`; `ecgdigit-rt VERB --help` says \
the same. Data goes to standard output, talk to standard error.

Exit codes: 0 all good · 1 bad arguments or inputs · 2 some pages failed or leads are missing · 3 a model, \
engine, package or device is missing · 4 output not writable · 130 interrupted · 70 a bug. What is in square \
brackets after a message is its heading in [Errors](errors.md).
"""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or option as a person types it: `word` is empty for a flag."""

    flag: str
    word: str
    help: str
    default: str
    is_required: bool
    is_repeated: bool

    @property
    def typed(self) -> str:
        return " ".join(part for part in (self.flag, self.word) if part)


def main() -> None:
    sections = (_section(name, verb) for name, verb in _verbs(app))
    sys.stdout.write("\n".join([INTRODUCTION, *sections]))


def _verbs(of: typer.Typer, before: str = "") -> Iterator[tuple[str, Callable[..., object]]]:
    for command in of.registered_commands:
        if command.callback is None or command.name is None:
            raise TypeError(f"a verb without a name or a function: {command}")
        yield f"{before}{command.name}", command.callback
    for group in of.registered_groups:
        if group.typer_instance is not None:
            yield from _verbs(group.typer_instance, f"{before}{group.name} ")


def _section(name: str, verb: Callable[..., object]) -> str:
    parameters = list(_parameters(verb))
    needed = [one.typed for one in parameters if one.is_required]
    rest = [] if len(needed) == len(parameters) else ["[OPTIONS]"]
    usage = " ".join(["ecgdigit-rt", name, *needed, *rest])
    about = "\n\n".join(map(_one_line, inspect.cleandoc(verb.__doc__ or "").split("\n\n")))
    return "\n".join([f"## {name}\n\n{about}\n\n```text\n{usage}\n```\n", *map(_entry, parameters)])


def _one_line(paragraph: str) -> str:
    """A paragraph as Markdown: options as code, capitals that stand for a name as they are."""
    text = " ".join(paragraph.split())
    return re.sub(r"(?<![`\w-])(--[a-z][a-z-]*)", r"`\1`", text)


def _entry(one: Parameter) -> str:
    ends = ["Required."] * one.is_required + ["May be repeated."] * one.is_repeated
    ends += [f"Default: `{one.default}`."] * bool(one.default)
    text = " ".join(part for part in (_one_line(one.help), *ends) if part)
    return f"`{one.typed}`\n:   {text or '–'}\n"


def _parameters(verb: Callable[..., object]) -> Iterator[Parameter]:
    hints = get_type_hints(verb, include_extras=True)
    for name, parameter in inspect.signature(verb).parameters.items():
        kind, info = get_args(hints[name])
        is_required = parameter.default is inspect.Parameter.empty
        default = "" if is_required else _default_text(parameter.default)
        inner = _without_none(kind)
        is_list = get_origin(inner) is list
        is_option = isinstance(info, OptionInfo)
        word = _word(get_args(inner)[0] if is_list else inner) if is_option else name.upper()
        yield Parameter(
            _flag(name, info) if is_option else "",
            info.metavar or word,
            f"{info.help or ''} {_range(info)}".strip(),
            default,
            is_required,
            is_list and is_option,
        )


def _flag(name: str, info: OptionInfo) -> str:
    """The option's name; inside `Annotated` typer keeps it where a default would stand."""
    declared = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
    return declared[0] if declared else f"--{name.replace('_', '-')}"


def _range(info: ArgumentInfo | OptionInfo) -> str:
    return "" if info.min is None or info.max is None else f"From {info.min:g} to {info.max:g}."


def _without_none(kind: object) -> object:
    """The type inside `X | None` and `Annotated[X, …]`."""
    if get_origin(kind) is Annotated:
        return _without_none(get_args(kind)[0])
    others = [one for one in get_args(kind) if one is not NoneType]
    return others[0] if NoneType in get_args(kind) and others else kind


def _word(kind: object) -> str:
    """What stands for the value: its choices, or what it is."""
    if kind is bool:
        return ""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(one.value) for one in kind)
    words: dict[object, str] = {Path: "PATH", str: "TEXT", int: "N", float: "NUMBER"}
    return words[kind]


def _default_text(default: object) -> str:
    if default is None or default is False:
        return ""
    return str(default.value if isinstance(default, Enum) else default)


if __name__ == "__main__":
    main()
