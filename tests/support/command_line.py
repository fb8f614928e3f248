"""Execution of the command line in the test process."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgdigit_rt.cli.app import exit_code


def call(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Run a command, and return its exit code, stdout and stderr."""
    code = exit_code([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


Capture = pytest.CaptureFixture[str]
