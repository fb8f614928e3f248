"""Where and how results are written, and what an earlier run left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class FormatNotNamed(EcgDigitError, LookupError):
    """Nothing tells which format is meant: no `--format`, no test.csv, no suffix that belongs to one."""

    id = "E-FORMAT-01"
    exit_code = 1

    def __init__(self, out: Path, folders: str, suffixes: str) -> None:
        super().__init__(
            f"--out {out} does not tell which format is meant",
            f"For a folder name the format: --format {folders}. For a file end it in {suffixes}.",
        )
        self.out = out


class FormatContradicted(EcgDigitError, ValueError):
    """What was asked of the output does not go together."""

    id = "E-FORMAT-02"
    exit_code = 1

    def __init__(self, name: str, problem: str, way_out: str) -> None:
        super().__init__(f"the format {name} does not fit: {problem}", way_out)
        self.name = name
        self.problem = problem


class OutputError(EcgDigitError):
    """The output cannot be written."""

    exit_code = 4


class OutputNotWritable(OutputError, OSError):
    id = "E-OUTPUT-01"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"cannot write {path}: {reason}",
            "Choose another place, or make room and see to the permissions there.",
        )
        self.path = path
        self.reason = reason


class OutputInUse(OutputError, BlockingIOError):
    """Another run is writing there now."""

    id = "E-OUTPUT-02"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"another run is writing {path}",
            "Wait for it, or give this one another --out; a run that was killed holds nothing.",
        )
        self.path = path


class JournalError(EcgDigitError):
    """What an earlier run of the same output left does not go with this one."""

    exit_code = 1


class ConfigurationChanged(JournalError, ValueError):
    """`differences` tells them in words, such as "--tta was none and is flip"."""

    id = "E-JOURNAL-01"

    def __init__(self, journal: Path, differences: Sequence[str]) -> None:
        super().__init__(
            f"{journal} is of a run that read pages otherwise: {'; '.join(differences)}",
            "Go on as it began, give this run another --out, or begin anew with --restart.",
        )
        self.journal = journal
        self.differences = tuple(differences)


class JournalMalformed(JournalError, ValueError):
    id = "E-JOURNAL-02"

    def __init__(self, journal: Path) -> None:
        super().__init__(
            f"{journal} is no journal of a run that this version can read",
            "Move it away if it is something else, or replace it with --restart.",
        )
        self.journal = journal


class JournalMissing(JournalError, FileNotFoundError):
    id = "E-JOURNAL-03"

    def __init__(self, journal: Path) -> None:
        super().__init__(
            f"--only-failed finds no journal of an earlier run: {journal}",
            "Run without it first, with the same --out.",
        )
        self.journal = journal
