"""Interaction with the terminal: messages, progress, stop signals and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Protocol

import typer

from ecgdigit_rt.sanitize import escape_control_chars

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import Digitizer


def print_message(label: str, text: str) -> None:
    """Print a line to stderr, with a label of up to eight characters. Control characters are escaped."""
    typer.echo(f"{label:8} {escape_control_chars(text)}", err=True)


def print_digitizer(digitizer: Digitizer) -> None:
    """Print the device, the models and the notes of a digitizer."""
    print_message("device", digitizer.device)
    print_message("models", digitizer.models)
    for note in digitizer.notes:
        print_message("note", note)


class RunMessages:
    """Observer that prints the events of a run. Satisfies `ecgdigit_rt.runs.execution.RunObserver`."""

    def on_digitizer(self, digitizer: Digitizer) -> None:
        """Print the device, the models and the notes of the digitizer."""
        print_digitizer(digitizer)

    def on_restart(self, changes: Sequence[str]) -> None:
        """Print the changes in the configuration."""
        print_message("restart", f"the configuration changed: {'; '.join(changes)}")

    def on_resume(self, done: int, total: int) -> None:
        """Print the number of pages that earlier runs have completed."""
        print_message("resuming", f"{done} of {total} pages are already done")

    def on_stop(self, done: int, total: int) -> None:
        """Print the number of completed pages, and how to resume."""
        message = f"{done} of {total} pages are done. Run the same command without --restart to resume."
        print_message("stopped", message)

    def progress(self, total: int, done: int) -> AbstractContextManager[Callable[[], None]]:
        """Return a context manager that shows a progress bar."""
        return page_progress(total, done)


class PageOutcome(Protocol):
    """Interface of `ecgdigit_export.label.folder.PageOutcome`, a class that needs the extra `export`."""

    @property
    def page(self) -> str:
        """Id of the page."""
        ...

    @property
    def problem(self) -> str:
        """Reason why the page was skipped, or empty if it was not skipped."""
        ...


def print_skipped(outcomes: Iterable[PageOutcome], pages: int) -> int:
    """Consume the outcomes of `pages` pages with a progress bar, then print the skipped pages.

    Return the number of skipped pages.
    """
    skipped = []
    with page_progress(pages) as advance:
        for outcome in outcomes:
            skipped += [outcome] if outcome.problem else []
            advance()
    for outcome in skipped:
        print_message("skipped", f"{outcome.page}   {outcome.problem}")
    return len(skipped)


@contextmanager
def page_progress(total: int, done: int = 0) -> Iterator[Callable[[], None]]:
    """Show a progress bar. Yield a function that must be called after each page.

    At the start, `done` of `total` pages are done. If stderr is not a terminal, nothing is shown.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class PagesPerSecond(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f} pages/s" if task.speed else "– pages/s")

    columns = (
        TextColumn("run     "),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        PagesPerSecond(),
        TextColumn("eta"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, completed=done)
        yield lambda: bar.advance(task)


@contextmanager
def elapsed_spinner() -> Iterator[Callable[[str], None]]:
    """Show a spinner with the elapsed time. Yield a function that must be called with each new activity.

    If stderr is not a terminal, nothing is shown.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as spinner:
        task = spinner.add_task("", total=None)

        def show(activity: str) -> None:
            spinner.reset(task, description=activity)

        yield show


# Exit codes of commands. If a command ends with an error, its exit code is the `exit_code` of the error.
# docs/cli.md lists all exit codes.
BAD_ARGUMENTS = 1
SOME_FAILED = 2
SETUP_INCOMPLETE = 3
INTERRUPTED = 130  # the convention of shells for SIGINT: 128 + 2
TERMINATED = 143  # and for SIGTERM: 128 + 15

_STDERR = 2  # file descriptor. `sys.stderr` is not reentrant, and a signal may interrupt a write to it
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_on_sigterm() -> None:
    """Let SIGTERM end the process if it is the first of its container, until a command handles the signal.

    The kernel ends other processes, but ignores the signal for the first one unless it has a handler.
    """
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(TERMINATED))


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns True after Ctrl-C or SIGTERM, so that a run can finish its current pages.

    A second signal ends the process immediately. Pages that are in the journal are not lost. In threads other
    than the main thread, the function always returns False.
    """
    received: list[int] = []

    def on_signal(number: int, _: object) -> None:
        if received:
            os._exit(INTERRUPTED)
        received.append(number)
        os.write(_STDERR, b"stopping after the current pages. A second signal stops immediately\n")

    if current_thread() is not main_thread():  # Python delivers signals only to the main thread
        yield lambda: False
        return
    before = [signal.signal(number, on_signal) for number in _SIGNALS]
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)
